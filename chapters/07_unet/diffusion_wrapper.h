#pragma once

#include "chapters/07_unet/conditioning.h"
#include "chapters/07_unet/unet_model.h"

namespace ldm::unet {

/// Brings each kind of conditioning to the UNet's input for it (ddpm.py: DiffusionWrapper). All of
/// the program calls a UNet through it.
///
///     none       unet(x, t)
///     concat     unet([x, concat...], t)
///     crossattn  unet(x, t, context = [crossattn...])      joined along the tokens
///     hybrid     both
///     adm        unet(x, t, y)                             "adm" for the ADM paper's class labels
///
/// Checkpoints call the UNet "diffusion_model" because of it.
class DiffusionWrapper {
public:
    enum class Key { none, concat, crossattn, hybrid, adm };

    /// "concat" and so on; null is Key::none. Throws for another name.
    static Key key_from_json(const io::Json& conditioning_key);

    DiffusionWrapper(const nn::Params& weights, const Config& unet, Key key);

    /// x [N, C, H, W], t [N] -> [N, out_channels, H, W]. Throws an Error when `given` lacks what
    /// the key asks for.
    Tensor operator()(const Tensor& x, const Tensor& t, const Conditioning& given = {}) const;

    const UNetModel& unet() const { return unet_; }

private:
    UNetModel unet_;
    Key key_;
};

}  // namespace ldm::unet
