#pragma once

#include <vector>

#include "chapters/02_vae/attention.h"
#include "chapters/02_vae/config.h"
#include "chapters/02_vae/resnet_block.h"

/// The two stages that Encoder and Decoder are built from (diffusionmodules/model.py).

namespace ldm::vae {

/// The blocks of one level, where all pictures have one size: ResnetBlocks (block.0, block.1, …),
/// each followed by attention (attn.0, attn.1, …) where the level has it.
/// [N, in, H, W] -> [N, out, H, W].
class Blocks {
public:
    struct Size {
        int in, out, count;
    };

    Blocks(const nn::Params& weights, Size size, bool has_attention, AttnType type);
    Tensor operator()(Tensor h) const;

    const std::vector<ResnetBlock>& blocks() const { return block_; }
    /// As many as blocks, or none.
    const std::vector<Attention>& attentions() const { return attn_; }

private:
    std::vector<ResnetBlock> block_;
    std::vector<Attention> attn_;
};

/// The stage with the fewest pixels: block_1, attn_1, block_2. [N, C, H, W] -> [N, C, H, W].
class Middle {
public:
    Middle(const nn::Params& weights, int channels, AttnType type);
    Tensor operator()(const Tensor& h) const;

private:
    ResnetBlock block_1_;
    Attention attn_1_;
    ResnetBlock block_2_;
};

}  // namespace ldm::vae
