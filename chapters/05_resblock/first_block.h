#pragma once

#include "chapters/05_resblock/resblock.h"
#include "common/nn/model_source.h"

namespace ldm::resblock {

/// The first ResBlock of a model's UNet and the little that stands before it: the first convolution
/// of the latent, and the two layers of the time embedding.
class FirstBlock {
public:
    explicit FirstBlock(const nn::ModelSource& model);

    /// The input of the block: latent [N, 4, h, w] -> [N, channels, h, w].
    Tensor features(const Tensor& latent) const { return read_latent_(latent); }

    /// The embedding that all blocks of the UNet share: t [N] -> [N, emb_channels].
    Tensor time_embedding(const Tensor& t) const;

    /// The block's own projection of it, the shift of each channel: t [N] -> [N, channels]; with
    /// use_scale_shift_norm twice as many, scale and shift.
    Tensor time_shift(const Tensor& t) const;

    /// One pass through the block, with the results of its layers.
    struct Pass {
        /// the input
        Tensor x;
        /// the first convolution, before the time enters
        Tensor conv_in;
        /// the second normalization, with the time
        Tensor with_time;
        /// the second convolution
        Tensor residual;
        /// x + residual
        Tensor y;
    };
    Pass run(const Tensor& features, const Tensor& t) const;

private:
    FirstBlock(const nn::Params& unet, const io::Json& unet_config);

    int model_channels_;
    nn::Conv2d read_latent_;
    nn::Linear time_in_, time_out_;
    // the block's own, a second time: here its output is shown alone
    nn::Linear block_time_;
    std::string path_;
    ResBlock block_;
};

}  // namespace ldm::resblock
