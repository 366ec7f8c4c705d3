#include "chapters/02_vae/codebooks/ema_vector_quantizer.h"

#include "chapters/02_vae/codebooks/one_hot.h"
#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/matmul.h"
#include "common/ops/nearest_row.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::vae {
namespace {

/// [N, D, H, W] -> [N H W, D]
Tensor vectors_of(const Tensor& z) { return ops::permute(z, {0, 2, 3, 1}).reshape({-1, z.dim(1)}); }

}  // namespace

EMAVectorQuantizer::EMAVectorQuantizer(const nn::Params& weights, const Config& config)
    : config_(config),
      weight_((weights / "embedding").get("weight", {config.n_embed, config.embedding_dim})),
      cluster_size_((weights / "embedding").get("cluster_size", {config.n_embed})),
      embed_avg_((weights / "embedding").get("embed_avg", weight_.shape())) {}

//! [forward]
EMAVectorQuantizer::Result EMAVectorQuantizer::operator()(const Tensor& z) const {
    const auto [n, channels, height, width] = z.dims<4>();
    expect_shape(z, {n, config_.embedding_dim, height, width});
    const Tensor indices = ops::nearest_row(vectors_of(z), weight_);  // [N H W]
    const Tensor rows = ops::embedding(indices.reshape({n, height, width}), weight_);
    const Tensor e = ops::detach(ops::permute(rows, {0, 3, 1, 2}));
    return {.z_q = z + ops::detach(e - z),
            .loss = config_.beta * ops::mean(ops::square(e - z)),
            .indices = indices};
}
//! [forward]

//! [update]
void EMAVectorQuantizer::update(const Tensor& z, const Tensor& indices) {
    const NoGradient none;
    const Tensor chosen = one_hot(indices.reshape({-1}), config_.n_embed);  // [N H W, K]
    const Tensor counts = ops::sum(chosen, {0});                            // [K]
    const Tensor sums = ops::matmul(chosen, vectors_of(z), ops::Transpose::a);
    ops::add_into(cluster_size_, config_.decay, counts, 1.0 - config_.decay);
    ops::add_into(embed_avg_, config_.decay, sums, 1.0 - config_.decay);

    const Tensor total = ops::sum(cluster_size_);
    const auto entries = static_cast<float>(config_.n_embed);
    const Tensor smoothed =
        (cluster_size_ + config_.eps) / (total + entries * config_.eps) * total;  // [K]
    ops::copy_into(weight_, embed_avg_ / smoothed.reshape({-1, 1}));
}
//! [update]

}  // namespace ldm::vae
