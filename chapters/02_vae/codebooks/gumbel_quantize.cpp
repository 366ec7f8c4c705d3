#include "chapters/02_vae/codebooks/gumbel_quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "chapters/02_vae/codebooks/one_hot.h"
#include "common/error.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"

namespace ldm::vae {
namespace {

/// Channels last, where rows of tables are: [N, C, H, W] -> [N, H, W, C], and back.
Tensor channels_last(const Tensor& x) { return ops::permute(x, {0, 2, 3, 1}); }
Tensor channels_second(const Tensor& x) { return ops::permute(x, {0, 3, 1, 2}); }

/// Columns of x [..., n] by their numbers.
Tensor columns(const Tensor& x, const Tensor& numbers) {
    const Tensor rows = ops::permute(x.reshape({-1, x.dim(-1)}), {1, 0});
    Shape shape = x.shape();
    shape.back() = numbers.size();
    return ops::permute(ops::embedding(numbers, rows), {1, 0}).reshape(shape);
}

}  // namespace

GumbelQuantize::GumbelQuantize(const nn::Params& weights, const Config& config)
    : config_(config),
      proj_(weights / "proj", config.num_hiddens, config.n_embed, nn::pointwise),
      embed_((weights / "embed").get("weight", {config.n_embed, config.embedding_dim})) {
    if (config.remap) remap_.emplace(*config.remap, config.n_embed);
}

//! [forward]
GumbelQuantize::Result GumbelQuantize::operator()(const Tensor& z, const Tensor& gumbel,
                                                  const Options& options) const {
    const float temperature = options.temp.value_or(config_.temp_init);
    if (!(temperature > 0))
        throw Error(fmt::format("the temperature is {}, expected a number above 0", temperature));
    const bool hard = !options.training || config_.straight_through;

    Tensor logits = channels_last(proj_(z)), entries = embed_;  // [N, H, W, K] and [K, D]
    if (remap_) {
        logits = columns(logits, remap_->used());
        entries = ops::embedding(remap_->used(), embed_);
    }
    const auto [n, height, width, k] = logits.dims<4>();
    expect_shape(gumbel, {n, k, height, width});
    const Tensor soft = ops::softmax((logits + channels_last(gumbel)) / temperature);
    const Tensor chosen = argmax(soft);  // [N, H, W]
    const Tensor shares = hard ? one_hot(chosen, k) + (soft - ops::detach(soft)) : soft;
    const Tensor z_q = ops::matmul(shares.reshape({-1, k}), entries);  // [N H W, D]

    const Tensor q = ops::softmax(logits);
    const auto all = static_cast<float>(config_.n_embed);
    const Tensor divergence = ops::sum(q * ops::log(all * q + 1e-10f), {3});
    return {.z_q = channels_second(z_q.reshape({n, height, width, -1})),
            .loss = config_.kl_weight * ops::mean(divergence),
            .indices = chosen,
            .logits = channels_second(logits)};
}
//! [forward]

Tensor GumbelQuantize::get_codebook_entry(const Tensor& indices, std::int64_t n,
                                          std::int64_t height, std::int64_t width) const {
    const Tensor places = indices.reshape({n, height, width});
    return channels_second(ops::embedding(remap_ ? remap_->to_all(places) : places, embed_));
}

Tensor gumbel_noise(Shape shape, random::TorchGenerator& generator) {
    Tensor noise(std::move(shape));
    generator.uniform(noise.values());
    for (float& value : noise.values())
        // 0 is drawn once in 16 million times, and has no logarithm
        value = -std::log(-std::log(std::max(value, std::numeric_limits<float>::min())));
    return noise;
}

}  // namespace ldm::vae
