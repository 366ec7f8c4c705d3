#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/figures/canvas.h"
#include "common/nn/activation_snapshot.h"
#include "common/nn/model_source.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::attention {

/// Tokens that make a word: "deciduous" may be three of them.
struct Word {
    std::string text;
    std::vector<int> tokens;
};

/// The words of a prompt with their places in the ids of the text tower, from the start token to
/// the first end token; the padding behind it comes last, as one word.
std::vector<Word> words_of(const text::ClipTokenizer& tokenizer, const Tensor& ids);

/// The attention weights between every pixel and every word, in one cross-attention of a UNet.
struct WordMaps {
    /// height and width of this layer's feature map
    int side;
    /// for each word [side * side], from 0 to 1
    std::vector<std::vector<float>> maps;
};

/// Runs the cross-attention of the UNet's block `place` ("output_blocks.4.1") on what stood in
/// front of it at the stored snapshot, and on a context of text features [1, M, D]. The heads are
/// averaged, the tokens of a word added up: the maps of all words sum to 1 at every pixel. Throws
/// an Error where the snapshot does not have the place.
WordMaps word_attention_maps(const nn::ModelSource& model, const nn::ActivationSnapshot& snapshot,
                             const std::string& place, const Tensor& context,
                             const std::vector<Word>& words);

float mean_of(const std::vector<float>& map);

/// The picture under each word's map, a row for each layer, named by `places`; each map is shown
/// from its smallest to its largest weight, its mean stands below.
figures::Canvas word_maps_figure(const image::Image& picture, const std::vector<Word>& words,
                                 const std::vector<std::string>& places,
                                 const std::vector<WordMaps>& layers);

}  // namespace ldm::attention
