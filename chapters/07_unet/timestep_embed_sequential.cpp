#include "chapters/07_unet/timestep_embed_sequential.h"

#include "common/autograd/checkpoint.h"
#include "common/autograd/trace.h"

namespace ldm::unet {
namespace {

using attention::AttentionBlock;
using resblock::Downsample;
using resblock::ResBlock;
using resblock::Upsample;
using spatial_transformer::SpatialTransformer;

template <typename... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};

}  // namespace

TimestepEmbedSequential::TimestepEmbedSequential(const nn::Params& weights, const Config& config,
                                                 const Block& block)
    : path_(weights.path()), use_checkpoint_(config.use_checkpoint) {
    for (const Part& part : block.parts)
        modules_.push_back(make(weights / static_cast<int>(modules_.size()), config, part));
}

TimestepEmbedSequential::Module TimestepEmbedSequential::make(const nn::Params& weights,
                                                              const Config& config,
                                                              const Part& part) {
    using enum Part::Kind;
    const auto residual = [&](bool is_up, bool is_down) {
        return ResBlock(weights, {.channels = part.in,
                                  .emb_channels = config.time_width(),
                                  .out_channels = part.out,
                                  .use_scale_shift_norm = config.use_scale_shift_norm,
                                  .up = is_up,
                                  .down = is_down});
    };
    switch (part.kind) {
        case conv:
            return nn::Conv2d(weights, part.in, part.out);
        case resblock:
            return residual(false, false);
        case attention:
            return AttentionBlock(weights,
                                  {.channels = part.in,
                                   .num_heads = part.heads.count,
                                   .use_new_attention_order = config.use_new_attention_order});
        case transformer:
            return SpatialTransformer(weights, {.in_channels = part.in,
                                                .n_heads = part.heads.count,
                                                .d_head = part.heads.width,
                                                .depth = config.transformer_depth,
                                                .context_dim = config.context_dim,
                                                .use_linear = config.use_linear_in_transformer});
        case down:
            if (config.resblock_updown) return residual(false, true);
            return Downsample(weights, part.in, config.conv_resample);
        case up:
            if (config.resblock_updown) return residual(true, false);
            return Upsample(weights, part.in, config.conv_resample);
    }
    fail("unknown kind of part");
}

//! [routing]
Tensor TimestepEmbedSequential::forward(Tensor x, const Tensor& time, const Tensor& context) const {
    const Overloaded run{
        [&](const ResBlock& module) { return module(x, time); },
        [&](const SpatialTransformer& module) { return module(x, context); },
        [&](const auto& module) { return module(x); },
    };
    for (const Module& module : modules_) x = std::visit(run, module);
    return traced(path_, x);
}
//! [routing]

Tensor TimestepEmbedSequential::operator()(const Tensor& x, const Tensor& time,
                                           const Tensor& context) const {
    if (!use_checkpoint_) return forward(x, time, context);
    return checkpoint([*this, x, time, context] { return forward(x, time, context); });
}

}  // namespace ldm::unet
