#pragma once

#include <string>
#include <vector>

#include "chapters/04_attention/word_maps.h"
#include "chapters/06_spatial_transformer/attention_maps.h"
#include "common/figures/canvas.h"

/// The figures of this chapter.

namespace ldm::spatial_transformer {

/// Every pixel's attention weight for a word, all its tokens together: [S].
Tensor weights_of(const AttentionMaps& maps, const attention::Word& word);

/// Over the picture that the block works on: some query pixels, the self-attention weights of each,
/// and the cross-attention weights of each word.
figures::Canvas attention_figure(const std::string& title, const image::Image& picture,
                                 const AttentionMaps& maps, const std::vector<int>& pixels,
                                 const std::vector<attention::Word>& words);

}  // namespace ldm::spatial_transformer
