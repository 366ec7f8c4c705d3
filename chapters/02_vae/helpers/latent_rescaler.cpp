#include "chapters/02_vae/helpers/latent_rescaler.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/02_vae/interpolation.h"
#include "common/autograd/trace.h"
#include "common/error.h"

namespace ldm::vae {
namespace {

std::int64_t rounded(std::int64_t size, double factor) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(size) * factor));
}

std::vector<ResnetBlock> blocks(const nn::Params& weights, int channels, int count) {
    std::vector<ResnetBlock> found;
    for (int i = 0; i < count; ++i)
        found.emplace_back(weights / i, ResnetBlock::Config{.in_channels = channels});
    return found;
}

}  // namespace

LatentRescaler::LatentRescaler(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      factor_(config.factor),
      conv_in_(weights / "conv_in", config.in_channels, config.mid_channels),
      res_block1_(blocks(weights / "res_block1", config.mid_channels, config.depth)),
      attn_(weights / "attn", config.mid_channels),
      res_block2_(blocks(weights / "res_block2", config.mid_channels, config.depth)),
      conv_out_(weights / "conv_out", config.mid_channels, config.out_channels, nn::pointwise) {
    if (!(factor_ > 0))
        throw Error(fmt::format("'factor' is {:g}, expected a number above 0", factor_));
}

//! [forward]
Tensor LatentRescaler::operator()(const Tensor& x) const {
    Tensor h = conv_in_(x);
    for (const ResnetBlock& block : res_block1_) h = block(h);
    h = resized_to(h, rounded(x.dim(2), factor_), rounded(x.dim(3), factor_),
                   Interpolation::nearest);
    h = attn_(h);
    for (const ResnetBlock& block : res_block2_) h = block(h);
    return traced(path_, conv_out_(h));
}
//! [forward]

}  // namespace ldm::vae
