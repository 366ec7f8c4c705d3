#pragma once

#include <optional>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::resblock {

/// A residual block that is conditioned on the time.
///
///     h = conv_in(silu(norm_in(x)))
///     h = norm_out(h + time(silu(emb)))         <- the time embedding enters here
///     y = skip(x) + conv_out(silu(h))
///
/// With use_scale_shift_norm the time scales, too (group-scale-and-shift conditioning, GSC; in
/// diffusers resnet_time_scale_shift): h = norm_out(h) (1 + scale) + shift.
///
/// N pictures of H x W pixels; the width goes from `channels` to `out_channels`. The block of the
/// UNet (ResBlock in openaimodel.py); He et al., 2015 for the skip, Ho et al., 2020 for the time.
class ResBlock {
public:
    /// Upstream's arguments under upstream's names.
    struct Config {
        int channels = 0;
        int emb_channels = 0;
        /// 0: as many as in the input
        int out_channels = 0;
        /// the skip connection is a 3x3 convolution instead of a 1x1
        bool use_conv = false;
        /// norm_out(h) * (1 + scale) + shift, both from emb
        bool use_scale_shift_norm = false;
        /// the output is twice as high and wide
        bool up = false;
        /// the output is half as high and wide
        bool down = false;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    ResBlock(const nn::Params& weights, const Config& config);

    /// x [N, channels, H, W], emb [N, emb_channels] -> [N, out_channels, H', W'], where H' is
    /// H, 2 H (up) or H / 2 (down).
    Tensor operator()(const Tensor& x, const Tensor& emb) const;

private:
    Tensor norm_silu_with_time(const Tensor& h, const Tensor& time) const;
    Tensor resize(const Tensor& x) const;
    Tensor skip(const Tensor& x) const;

    Config config_;
    std::string path_;
    nn::GroupNorm norm_in_;
    nn::Conv2d conv_in_;
    nn::Linear time_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
    // only needed when the width changes
    std::optional<nn::Conv2d> conv_skip_;
};

}  // namespace ldm::resblock
