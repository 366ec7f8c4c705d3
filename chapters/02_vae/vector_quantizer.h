#pragma once

#include <optional>

#include "chapters/02_vae/codebooks/index_remap.h"
#include "common/nn/params.h"
#include "common/random/torch_random.h"

namespace ldm::vae {

/// Vector quantization: replaces every vector of a latent by the nearest entry e of a codebook (van
/// den Oord et al., 2017; VectorQuantizer2 in taming's vqvae/quantize.py), so that a picture
/// becomes a grid of integers.
///
/// The choice of an entry has no gradient. The straight-through estimator (Bengio et al., 2013)
/// passes the gradient of z_q to z as if nothing had been replaced; the codebook and commitment
/// losses move entries and vectors towards each other:
///
///     z_q  = z + sg(e - z)                                  sg: stop gradient (detach)
///     loss = mean((sg(e) - z)^2) + beta mean((e - sg(z))^2)
///
/// The paper puts beta on the first, the commitment loss; `legacy` as here is how all published
/// models were trained, without it beta is on the first.
class VectorQuantizer2 {
public:
    struct Config {
        /// number of codebook entries
        int n_e = 0;
        /// dimension of a codebook entry
        int e_dim = 0;
        float beta = 0.25f;
        bool legacy = true;
        /// indices as [N, H, W], not as [N H W]
        bool sane_index_shape = false;
        /// only some entries have an index, a new one
        std::optional<IndexRemap::Config> remap;
    };

    /// Key embedding.weight [n_e, e_dim].
    VectorQuantizer2(const nn::Params& weights, const Config& config);

    struct Result {
        Tensor z_q;   // [N, e_dim, H, W]
        Tensor loss;  // []
        /// [N H W], row by row, or [N, H, W]; int32
        Tensor indices;
    };
    /// `lots` are for entries without an index (IndexRemap::to_used).
    Result operator()(const Tensor& z, const Tensor& lots = {}) const;

    /// The entries themselves: indices of any shape and N H W numbers -> [N, e_dim, H, W].
    Tensor get_codebook_entry(const Tensor& indices, std::int64_t n, std::int64_t height,
                              std::int64_t width) const;

private:
    Tensor entries(const Tensor& ids, std::int64_t n, std::int64_t height,
                   std::int64_t width) const;

    Config config_;
    Tensor codebook_;
    std::optional<IndexRemap> remap_;
};

/// An initial codebook: uniform in [-1 / n_e, 1 / n_e). [n_e, e_dim]
Tensor new_codebook(int n_e, int e_dim, random::TorchGenerator& noise);

}  // namespace ldm::vae
