#include "chapters/02_vae/stage.h"

namespace ldm::vae {

Blocks::Blocks(const nn::Params& weights, Size size, bool has_attention, AttnType type) {
    for (int j = 0; j < size.count; ++j) {
        const int in = j == 0 ? size.in : size.out;
        block_.emplace_back(weights / "block" / j,
                            ResnetBlock::Config{.in_channels = in, .out_channels = size.out});
        if (has_attention) attn_.emplace_back(weights / "attn" / j, size.out, type);
    }
}

Tensor Blocks::operator()(Tensor h) const {
    for (std::size_t j = 0; j < block_.size(); ++j) {
        h = block_[j](h);
        if (!attn_.empty()) h = attn_[j](h);
    }
    return h;
}

Middle::Middle(const nn::Params& weights, int channels, AttnType type)
    : block_1_(weights / "block_1", {.in_channels = channels}),
      attn_1_(weights / "attn_1", channels, type),
      block_2_(weights / "block_2", {.in_channels = channels}) {}

Tensor Middle::operator()(const Tensor& h) const { return block_2_(attn_1_(block_1_(h))); }

}  // namespace ldm::vae
