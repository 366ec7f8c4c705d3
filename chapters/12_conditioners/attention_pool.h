#pragma once

#include "common/nn/params.h"

namespace ldm::conditioners {

/// A picture's features as one vector, by attention (openaimodel.py: AttentionPool2d, after CLIP's
/// ResNets): the mean of all pixels is put before them, and what it attends to is the result.
///
///     tokens = [mean(x), x] + positional_embedding          C x (S S + 1)
///     y      = c_proj(attention(qkv_proj(tokens)))[0]
///
/// x [N, embed_dim, S, S] -> [N, output_dim]. Keys positional_embedding [C, S S + 1], qkv_proj
/// [3 C, C, 1], c_proj [output_dim, C, 1], the last two with a bias.
class AttentionPool2d {
public:
    struct Config {
        /// S, width and height of the features
        int spacial_dim = 0;
        /// C
        int embed_dim = 0;
        /// width of a head
        int num_heads_channels = 0;
        int output_dim = 0;
    };

    /// Throws an Error if num_heads_channels does not divide embed_dim.
    AttentionPool2d(const nn::Params& weights, const Config& config);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    Config config_;
    Tensor positions_, qkv_weight_, qkv_bias_, proj_weight_, proj_bias_;
};

}  // namespace ldm::conditioners
