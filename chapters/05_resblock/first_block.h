#pragma once

#include "chapters/05_resblock/resblock.h"
#include "common/nn/model_folder.h"

namespace ldm::resblock {

/// The first ResBlock of a model's UNet and the little that stands before it: the convolution that
/// reads the latent, and the two layers that read the time. Enough to look at a block at work.
class FirstBlock {
public:
    explicit FirstBlock(nn::ModelFolder& model);

    /// What the block is given: latent [N, 4, h, w] -> [N, channels, h, w].
    Tensor features(const Tensor& latent) const { return read_latent_(latent); }

    /// What the whole UNet knows of the time: t [N] -> [N, emb_channels].
    Tensor time_embedding(const Tensor& t) const;

    /// What the block itself makes of it: one number a channel, t [N] -> [N, channels]; with
    /// use_scale_shift_norm twice as many.
    Tensor time_shift(const Tensor& t) const;

    /// One pass through the block, with the results of its layers.
    struct Pass {
        // what came in
        Tensor x;
        // conv_in, before the time is known
        Tensor conv_in;
        // norm_out, with the time
        Tensor with_time;
        // conv_out
        Tensor residual;
        // x and the residual together
        Tensor y;
    };
    Pass run(const Tensor& features, const Tensor& t) const;

private:
    FirstBlock(const nn::Params& unet, const io::Json& unet_config);

    int model_channels_;
    nn::Conv2d read_latent_;
    nn::Linear time_in_, time_out_;
    // the block's own, a second time: here its output is looked at alone
    nn::Linear block_time_;
    std::string path_;
    ResBlock block_;
};

}  // namespace ldm::resblock
