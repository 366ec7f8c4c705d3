#pragma once

#include <vector>

#include "chapters/06_spatial_transformer/basic_transformer_block.h"

namespace ldm::spatial_transformer {

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

        static Config from_json(const io::Json& json);
    };

    SpatialTransformer(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x, const Tensor& context = {}) const;

private:
    std::string path_;
    nn::GroupNorm norm_;
    nn::Conv2d proj_in_;
    std::vector<BasicTransformerBlock> blocks_;
    nn::Conv2d proj_out_;
};

}  // namespace ldm::spatial_transformer
