#pragma once

#include <optional>

#include "chapters/02_vae/codebooks/index_remap.h"
#include "common/nn/layers.h"
#include "common/random/torch_random.h"

namespace ldm::vae {

/// A codebook whose entries are drawn by lot (Jang et al., 2016, "Categorical Reparameterization
/// with Gumbel-Softmax"; GumbelQuantize in taming/modules/vqvae/quantize.py), as in DALL-E's
/// autoencoder. The encoder answers with a distribution over the entries at each place. The largest
/// of logits + Gumbel noise is a sample of it, and a softmax in the place of the largest has a
/// gradient:
///
///     logits = proj(z),  s = softmax((logits + g) / temperature),  z_q = sum over k of s_k embed_k
///
/// `hard` takes the largest entry alone and the gradient of s (straight through). The loss holds
/// the distribution near the uniform one over all n entries (a KL divergence):
///
///     loss = kl_weight mean over places of sum over k of q_k log(n q_k + 1e-10),
///     q = softmax(logits)
class GumbelQuantize {
public:
    struct Config {
        /// channels of z
        int num_hiddens = 0;
        /// dimension of a codebook entry
        int embedding_dim = 0;
        /// number of codebook entries
        int n_embed = 0;
        /// whether training, too, takes one entry and not a mixture
        bool straight_through = true;
        float kl_weight = 5e-4f;
        float temp_init = 1.0f;
        /// Only some entries are chosen from. An index is then one of the new numbers.
        std::optional<IndexRemap::Config> remap;
    };

    /// Keys proj.weight [n_embed, num_hiddens, 1, 1], proj.bias, embed.weight
    /// [n_embed, embedding_dim].
    GumbelQuantize(const nn::Params& weights, const Config& config);

    struct Options {
        /// temp_init if there is none. As it falls, mixtures become choices
        std::optional<float> temp;
        /// outside of training one entry is chosen, whatever straight_through says
        bool training = false;
    };
    struct Result {
        Tensor z_q;   // [N, embedding_dim, H, W]
        Tensor loss;  // []
        /// [N, H, W] int32
        Tensor indices;
        Tensor logits;  // [N, choices(), H, W]
    };

    /// z [N, num_hiddens, H, W], gumbel [N, choices(), H, W] from gumbel_noise(); zeros choose the
    /// most probable entry. Throws an Error for a temperature that is not above 0.
    Result operator()(const Tensor& z, const Tensor& gumbel, const Options& options) const;
    Result operator()(const Tensor& z, const Tensor& gumbel) const {
        return (*this)(z, gumbel, {});
    }

    /// The entries themselves: indices of any shape and N H W numbers -> [N, embedding_dim, H, W].
    Tensor get_codebook_entry(const Tensor& indices, std::int64_t n, std::int64_t height,
                              std::int64_t width) const;

    /// How many entries there are to choose from: n_embed, or the used ones.
    std::int64_t choices() const { return remap_ ? remap_->used().size() : config_.n_embed; }

private:
    Config config_;
    nn::Conv2d proj_;
    Tensor embed_;
    std::optional<IndexRemap> remap_;
};

/// Numbers of the standard Gumbel distribution, -log(-log(u)) of uniform ones.
Tensor gumbel_noise(Shape shape, random::TorchGenerator& generator);

}  // namespace ldm::vae
