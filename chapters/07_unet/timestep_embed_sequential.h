#pragma once

#include <variant>
#include <vector>

#include "chapters/04_attention/attention_block.h"
#include "chapters/05_resblock/resample.h"
#include "chapters/05_resblock/resblock.h"
#include "chapters/06_spatial_transformer/spatial_transformer.h"
#include "chapters/07_unet/layout.h"

namespace ldm::unet {

/// Modules one after the other, each given what it can use (openaimodel.py:
/// TimestepEmbedSequential): a ResBlock also the time, a SpatialTransformer also the words,
/// everything else the picture alone.
class TimestepEmbedSequential {
public:
    TimestepEmbedSequential(const nn::Params& weights, const Config& config, const Block& block);

    /// x [N, block.in(), H, W], time [N, time_width], context [N, M, context_dim] or empty
    /// -> [N, block.out(), H', W'], where H' is H, or H / 2 or 2 H behind a down or up.
    Tensor operator()(const Tensor& x, const Tensor& time, const Tensor& context) const;

private:
    using Module = std::variant<nn::Conv2d, resblock::ResBlock, attention::AttentionBlock,
                                spatial_transformer::SpatialTransformer, resblock::Downsample,
                                resblock::Upsample>;
    static Module make(const nn::Params& weights, const Config& config, const Part& part);
    Tensor forward(Tensor x, const Tensor& time, const Tensor& context) const;

    std::string path_;
    bool use_checkpoint_;
    std::vector<Module> modules_;
};

}  // namespace ldm::unet
