#include "chapters/02_vae/vector_quantizer.h"

#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/nearest_row.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::vae {

using ops::detach;
using ops::mean;
using ops::square;

VectorQuantizer2::VectorQuantizer2(const nn::Params& weights, const Config& config)
    : config_(config), codebook_(weights.get("embedding.weight", {config.n_e, config.e_dim})) {
    if (config.remap) remap_.emplace(*config.remap, config.n_e);
}

//! [forward]
VectorQuantizer2::Result VectorQuantizer2::operator()(const Tensor& z, const Tensor& lots) const {
    const auto [n, channels, height, width] = z.dims<4>();
    expect_shape(z, {n, config_.e_dim, height, width});
    const Tensor vectors = ops::permute(z, {0, 2, 3, 1}).reshape({-1, config_.e_dim});
    const Tensor nearest = ops::nearest_row(vectors, codebook_);  // [N H W]
    const Tensor e = entries(nearest, n, height, width);

    const Tensor to_codebook = mean(square(detach(e) - z)), to_z = mean(square(e - detach(z)));
    const Tensor loss =
        config_.legacy ? to_codebook + config_.beta * to_z : config_.beta * to_codebook + to_z;
    const Tensor indices = remap_ ? remap_->to_used(nearest, lots) : nearest;
    return {.z_q = z + detach(e - z),
            .loss = loss,
            .indices = config_.sane_index_shape ? indices.reshape({n, height, width}) : indices};
}

/// [N, e_dim, H, W]
Tensor VectorQuantizer2::entries(const Tensor& ids, std::int64_t n, std::int64_t height,
                                 std::int64_t width) const {
    return ops::permute(ops::embedding(ids.reshape({n, height, width}), codebook_), {0, 3, 1, 2});
}
//! [forward]

Tensor VectorQuantizer2::get_codebook_entry(const Tensor& indices, std::int64_t n,
                                            std::int64_t height, std::int64_t width) const {
    return entries(remap_ ? remap_->to_all(indices) : indices, n, height, width);
}

Tensor new_codebook(int n_e, int e_dim, random::TorchGenerator& noise) {
    Tensor codebook({n_e, e_dim});
    noise.uniform(codebook.values());
    for (float& value : codebook.values()) value = (2.0f * value - 1.0f) / static_cast<float>(n_e);
    return codebook;
}

}  // namespace ldm::vae
