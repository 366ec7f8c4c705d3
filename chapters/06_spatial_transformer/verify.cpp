#include "chapters/06_spatial_transformer/verify.h"

#include "chapters/06_spatial_transformer/spatial_transformer.h"

namespace ldm::spatial_transformer {
namespace {

void feed_forward(verify::Run& run) {
    const FeedForward module(run.params(), FeedForward::Config::from_json(run.config()));
    run.out("out", module(run.in("x")));
}

void basic_transformer_block(verify::Run& run) {
    const BasicTransformerBlock module(run.params(),
                                       BasicTransformerBlock::Config::from_json(run.config()));
    run.out("out", module(run.in("x"), run.find_in("context")));
}

void spatial_transformer(verify::Run& run) {
    const SpatialTransformer module(run.params(),
                                    SpatialTransformer::Config::from_json(run.config()));
    run.out("out", module(run.in("x"), run.find_in("context")));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["FeedForward"] = verify::in_16_bits_too(feed_forward);
    registry["BasicTransformerBlock"] = verify::in_16_bits_too(basic_transformer_block);
    registry["SpatialTransformer"] = verify::in_16_bits_too(spatial_transformer);
}

}  // namespace ldm::spatial_transformer
