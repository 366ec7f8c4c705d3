#pragma once

#include "common/nn/params.h"

namespace ldm::vae {

/// A codebook that is not trained by gradients (van den Oord et al., 2017, appendix A.1;
/// EMAVectorQuantizer in taming/modules/vqvae/quantize.py): each entry is the moving average of the
/// vectors that chose it, as in k-means. Only the encoder has a loss:
///
///     k = nearest entry,  e = embedding[k],  z_q = z + sg(e - z),  loss = beta mean((sg(e) - z)^2)
///
/// update() is what a step of training does afterwards, with n_k the number of vectors that chose
/// entry k, s_k their sum and K the number of entries:
///
///     cluster_size_k <- decay cluster_size_k + (1 - decay) n_k
///     embed_avg_k    <- decay embed_avg_k    + (1 - decay) s_k
///     weight_k       <- embed_avg_k / smoothed_k
///     smoothed_k      = (cluster_size_k + eps) / (n + K eps) n,    n = sum of cluster_size
///
/// The smoothing (Laplace's) keeps an entry that nobody chooses from being divided by zero.
/// Upstream takes `remap` and never uses it; here there is none.
class EMAVectorQuantizer {
public:
    struct Config {
        /// number of codebook entries
        int n_embed = 0;
        /// dimension of a codebook entry
        int embedding_dim = 0;
        /// of the loss
        float beta = 0.25f;
        float decay = 0.99f;
        float eps = 1e-5f;
    };

    /// Keys embedding.weight, embedding.embed_avg [n_embed, embedding_dim] and
    /// embedding.cluster_size [n_embed].
    EMAVectorQuantizer(const nn::Params& weights, const Config& config);

    struct Result {
        Tensor z_q;   // [N, embedding_dim, H, W]
        Tensor loss;  // []
        /// [N H W], row by row; int32
        Tensor indices;
    };

    /// z [N, embedding_dim, H, W]; changes nothing.
    Result operator()(const Tensor& z) const;

    /// Moves the codebook towards the vectors of z, in place: all who share the three weights see
    /// it. `indices` are those that z was given.
    void update(const Tensor& z, const Tensor& indices);

    // what update() moves
    const Tensor& weight() const { return weight_; }
    const Tensor& cluster_size() const { return cluster_size_; }
    const Tensor& embed_avg() const { return embed_avg_; }

private:
    Config config_;
    Tensor weight_, cluster_size_, embed_avg_;
};

}  // namespace ldm::vae
