#pragma once

#include <variant>
#include <vector>

#include "chapters/06_spatial_transformer/basic_transformer_block.h"

namespace ldm::spatial_transformer {

/// proj_in and proj_out: a linear map of each pixel's channels. Stable Diffusion 1 has a 1x1
/// convolution there, weight [out, in, 1, 1]; 2 a linear layer, weight [out, in], after the pixels
/// have become tokens. They give the same numbers.
class Projection {
public:
    Projection(const nn::Params& weights, int in, int out, bool linear);
    Tensor to_tokens(const Tensor& x) const;  // [N, in, H, W] -> [N, H W, out]
    // [N, height width, in] -> [N, out, height, width]
    Tensor to_pixels(const Tensor& tokens, std::int64_t height, std::int64_t width) const;

private:
    std::variant<nn::Conv2d, nn::Linear> layer_;
};

/// A transformer over the pixels of a picture (attention.py: SpatialTransformer):
///
///     y = x + proj_out(blocks(proj_in(norm(x)), context))
///
/// Every pixel becomes a token, in row-major order; the blocks work on the tokens; the tokens
/// become pixels again. x [N, C, H, W], context [N, M, context_dim] -> [N, C, H, W].
///
/// The group norm's eps is 1e-6 here, and 1e-5 in the ResBlock next door.
class SpatialTransformer {
public:
    struct Config {
        int in_channels;
        int n_heads;
        int d_head;
        /// number of BasicTransformerBlocks
        int depth = 1;
        std::optional<int> context_dim;
        /// proj_in and proj_out are linear layers, else 1x1 convolutions
        bool use_linear = false;

        static Config from_json(const io::Json& json);
    };

    SpatialTransformer(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x, const Tensor& context = {}) const;

private:
    std::string path_;
    nn::GroupNorm norm_;
    Projection proj_in_;
    std::vector<BasicTransformerBlock> blocks_;
    Projection proj_out_;
};

}  // namespace ldm::spatial_transformer
