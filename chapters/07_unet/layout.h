#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/heads.h"

namespace ldm::unet {

/// The smallest piece of the U: one module of chapters 04 to 06, or a convolution.
struct Part {
    enum class Kind { conv, resblock, attention, transformer, down, up };
    Kind kind;
    /// channels of its input and output
    int in, out;
    /// heads of an attention or transformer
    Heads heads{};
};

/// What upstream runs as one: input_blocks.4 is a ResBlock and a SpatialTransformer.
struct Block {
    std::string key;
    /// 0 is the highest resolution
    int level;
    /// channels of the skip connection; 0 in the encoder
    int skip;
    std::vector<Part> parts = {};

    /// channels of its input, skip connection included
    int in() const { return parts.front().in; }
    int out() const { return parts.back().out; }
};

/// All blocks of a U in the order in which they run.
struct Layout {
    /// each leaves its result on the stack of skips
    std::vector<Block> input;
    Block middle;
    /// each takes one from the stack
    std::vector<Block> output;
};

/// Draws the U from its settings (openaimodel.py: UNetModel.__init__).
Layout layout(const Config& config);

/// "ResBlock 320 -> 640" and the like.
std::string describe(const Part& part);

}  // namespace ldm::unet
