#include "chapters/05_resblock/resblock.h"
#include "chapters/06_spatial_transformer/basic_transformer_block.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "common/autograd/checkpoint.h"
#include "common/device/memory.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::train;
using test::close;
using test::noise;

namespace {

struct Found {
    Tensor y;
    Weights gradients;
    // bytes
    std::int64_t peak;
};

/// A stack of blocks, each with weights of its own, forwards and backwards.
template <typename Block, typename Input>
Found run_stack(int depth, const typename Block::Config& config, const Tensor& x,
                const Input& beside, bool checkpoints) {
    std::vector<Block> blocks;
    Weights leaves = weights_of(
        [&](const nn::Params& p) {
            for (int i = 0; i < depth; ++i) blocks.emplace_back(p / i, config);
        },
        initial_weights({}, 1));
    leaves["x"] = x;
    leaves["beside"] = beside;

    forget_memory_peak();
    const std::int64_t before = memory_use().now;
    Tape tape;
    watch(tape, leaves);
    Tensor y = x;
    for (const Block& block : blocks) {
        if (checkpoints)
            y = checkpoint([block, y, beside] { return block(y, beside); });
        else
            y = block(y, beside);
    }
    const Weights gradients = gradients_of(tape.backward(y, noise(y.shape(), 3)), leaves);
    return {y, gradients, memory_use().peak - before};
}

template <typename Block>
void compare(int depth, const typename Block::Config& config, const Tensor& x, const Tensor& beside,
             double share) {
    const Found plain = run_stack<Block>(depth, config, x, beside, false);
    const Found thrifty = run_stack<Block>(depth, config, x, beside, true);
    CHECK(close(thrifty.y, plain.y, 0.0) == "");
    REQUIRE(thrifty.gradients.size() == plain.gradients.size());
    for (const auto& [name, g] : plain.gradients) {
        INFO(name);
        CHECK(close(thrifty.gradients.at(name), g, 0.0) == "");
    }
    INFO("peak " << plain.peak << " bytes without, " << thrifty.peak << " with checkpoints");
    CHECK(static_cast<double>(thrifty.peak) < share * static_cast<double>(plain.peak));
}

}  // namespace

TEST_CASE(
    "a stack of ResBlocks with checkpoints: the same gradients to the last bit, less memory") {
    compare<resblock::ResBlock>(8, {.channels = 32, .emb_channels = 16, .out_channels = 32},
                                noise({2, 32, 16, 16}, 1),
                                // what norm and silu in one pass do not keep was saved before
                                noise({2, 16}, 2), 0.6);
}

TEST_CASE(
    "a stack of transformer blocks with checkpoints: the same gradients to the last bit, less "
    "memory") {
    compare<spatial_transformer::BasicTransformerBlock>(
        8, {.dim = 32, .n_heads = 4, .d_head = 8, .context_dim = 24}, noise({2, 64, 32}, 1),
        noise({2, 7, 24}, 2), 0.35);
}
