#pragma once

#include "chapters/07_unet/unet_model.h"

namespace ldm::unet {

/// What a picture is made from, beside the noise. Pieces of the same kind are joined.
struct Conditioning {
    // [N, c, H, W]: more channels beside x
    std::vector<Tensor> concat;
    // [N, M, D]: words to look at; or one entry of labels [N] (adm)
    std::vector<Tensor> crossattn;
};

/// Brings each kind of conditioning to its door (ddpm.py: DiffusionWrapper).
///
///     none       unet(x, t)
///     concat     unet([x, concat...], t)
///     crossattn  unet(x, t, context = [crossattn...])      joined along the tokens
///     hybrid     both
///     adm        unet(x, t, y = crossattn[0])
///
/// Upstream needed it for the sake of its training framework; checkpoints still call the UNet
/// "diffusion_model" because of it.
class DiffusionWrapper {
public:
    enum class Key { none, concat, crossattn, hybrid, adm };

    /// "concat" and so on; null is Key::none. Throws for another name.
    static Key key_from_json(const io::Json& conditioning_key);

    DiffusionWrapper(const nn::Params& weights, const Config& unet, Key key);

    /// x [N, C, H, W], t [N] -> [N, out_channels, H, W].
    Tensor operator()(const Tensor& x, const Tensor& t, const Conditioning& given = {}) const;

    const UNetModel& unet() const { return unet_; }

private:
    UNetModel unet_;
    Key key_;
};

}  // namespace ldm::unet
