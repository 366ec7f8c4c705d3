#include "chapters/02_vae/helpers/first_stage_post_processor.h"

#include <fmt/format.h>

#include "chapters/02_vae/config.h"
#include "common/autograd/tape.h"
#include "common/error.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::vae {
namespace {

/// How many groups of two.
int pairs(int channels) {
    if (channels < 2 || channels % 2 != 0)
        throw Error(fmt::format("'in_channels' is {}, expected an even number", channels));
    return channels / 2;
}

}  // namespace

FirstStagePostProcessor::FirstStagePostProcessor(const nn::Params& weights, const Config& config,
                                                 Encode encode)
    : encode_(std::move(encode)),
      reshape_(config.reshape),
      proj_norm_(weights / "proj_norm", config.in_channels, group_norm_eps,
                 pairs(config.in_channels)),
      proj_(weights / "proj", config.in_channels, config.n_channels) {
    int in = config.n_channels;
    for (std::size_t i = 0; i < config.ch_mult.size(); ++i) {
        const int level = static_cast<int>(i), out = config.ch_mult[i] * config.n_channels;
        model_.emplace_back(
            weights / "model" / level,
            ResnetBlock::Config{.in_channels = in, .out_channels = out, .temb_channels = 512});
        downsampler_.emplace_back(weights / "downsampler" / level, out, /*with_conv=*/false);
        in = out;
    }
}

//! [forward]
Tensor FirstStagePostProcessor::operator()(const Tensor& x) const {
    Tensor z;
    {
        const NoGradient none;
        z = encode_(x);
    }
    z = ops::silu(proj_(proj_norm_(z)));
    for (std::size_t i = 0; i < model_.size(); ++i) z = downsampler_[i](model_[i](z));
    if (!reshape_) return z;
    const auto [n, c, h, w] = z.dims<4>();
    return ops::permute(z.reshape({n, c, h * w}), {0, 2, 1});
}
//! [forward]

}  // namespace ldm::vae
