#pragma once

#include <string>
#include <vector>

#include "chapters/06_spatial_transformer/spatial_transformer.h"
#include "common/nn/activation_snapshot.h"
#include "common/nn/model_source.h"

namespace ldm::spatial_transformer {

/// The attention weights of one SpatialTransformer, averaged over its heads. Rows sum to 1.
/// On the CPU, to be drawn.
struct AttentionMaps {
    /// size of the feature map that the S tokens are, S = height width
    int height, width;
    /// self-attention [S, S]: pixel by pixel
    Tensor self;
    /// cross-attention [S, M]: pixel by context token
    Tensor cross;
};

/// Runs one SpatialTransformer of the model's UNet on what stood in front of it at the stored
/// snapshot. `block` is "output_blocks.4"; its part 0 is a ResBlock and its part 1 the transformer.
/// Throws an Error where the snapshot does not have the block.
AttentionMaps attention_maps(const nn::ModelSource& model, const nn::ActivationSnapshot& snapshot,
                             const std::string& block);

/// `count` pixels whose self-attention differs as much as possible: first the one in the middle,
/// then always the one whose row of weights differs most from those of all chosen before.
std::vector<int> different_pixels(const AttentionMaps& maps, int count);

}  // namespace ldm::spatial_transformer
