#include "chapters/04_attention/verify.h"

#include "chapters/04_attention/attention_block.h"
#include "chapters/04_attention/cross_attention.h"
#include "chapters/04_attention/linear_attention.h"
#include "chapters/04_attention/spatial_self_attention.h"

namespace ldm::attention {
namespace {

void cross_attention(verify::Run& run) {
    const CrossAttention attend(run.params(), CrossAttention::Config::from_json(run.config()));
    const Tensor x = run.in("x"), context = run.find_in("context"), mask = run.find_in("mask");
    run.out("out", attend(x, context));
    if (mask) run.out("out_masked", attend(x, context, mask));
}

/// Components with one input and one output.
template <typename Module>
void module_of_x(verify::Run& run) {
    const Module module(run.params(), Module::Config::from_json(run.config()));
    run.out("out", module(run.in("x")));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["CrossAttention"] = verify::in_16_bits_too(cross_attention);
    registry["SpatialSelfAttention"] = verify::in_16_bits_too(module_of_x<SpatialSelfAttention>);
    registry["LinearAttention"] = verify::in_16_bits_too(module_of_x<LinearAttention>);
    registry["AttentionBlock"] = verify::in_16_bits_too(module_of_x<AttentionBlock>);
}

}  // namespace ldm::attention
