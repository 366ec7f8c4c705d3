#include "chapters/04_attention/word_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chapters/04_attention/cross_attention.h"
#include "common/autograd/trace.h"
#include "common/figures/heat_map.h"
#include "common/figures/sheet.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::attention {

std::vector<Word> words_of(const text::ClipTokenizer& tokenizer, const Tensor& ids) {
    constexpr std::string_view word_end = "</w>";
    const auto end = std::find(ids.ints(), ids.ints() + ids.size(), tokenizer.end_token());
    const int last = static_cast<int>(end - ids.ints()), count = static_cast<int>(ids.size());

    std::vector<Word> words{{"(start)", {0}}};
    Word word;
    for (int i = 1; i < last; ++i) {
        std::string token = tokenizer.token(ids.ints()[i]);
        const bool complete = token.ends_with(word_end);
        if (complete) token.resize(token.size() - word_end.size());
        word.text += token;
        word.tokens.push_back(i);
        if (complete || i + 1 == last) words.push_back(std::exchange(word, {}));
    }
    if (last < count) words.push_back({"(end)", {last}});
    if (last + 1 < count) {
        words.push_back({"(padding)", std::vector<int>(count - last - 1)});
        std::iota(words.back().tokens.begin(), words.back().tokens.end(), last + 1);
    }
    return words;
}

namespace {

/// The cross-attention at `weights`, heads as the UNet's configuration says.
CrossAttention cross_attention(const nn::Params& weights, const io::Json& unet_config,
                               std::int64_t query_dim, std::int64_t context_dim) {
    const auto given = io::get_or(unet_config, "num_head_channels", std::int64_t{-1});
    const std::int64_t dim_head =
        given != -1 ? given : query_dim / io::get<std::int64_t>(unet_config, "num_heads");
    return {weights,
            {.query_dim = query_dim,
             .context_dim = context_dim,
             .heads = query_dim / dim_head,
             .dim_head = dim_head}};
}

}  // namespace

float mean_of(const std::vector<float>& map) {
    return std::accumulate(map.begin(), map.end(), 0.0f) / static_cast<float>(map.size());
}

WordMaps word_attention_maps(const nn::ModelSource& model, const nn::ActivationSnapshot& snapshot,
                             const std::string& place, const Tensor& context,
                             const std::vector<Word>& words) {
    const nn::Params weights =
        model.weights() / "model" / "diffusion_model" / place / "transformer_blocks" / 0 / "attn2";
    const Tensor& x = snapshot.at(place + ".transformer_blocks.0.norm2");  // [1, S, D]
    const CrossAttention attend = cross_attention(
        weights, io::get<io::Json>(model.config(), "unet_config"), x.dim(2), context.dim(2));
    model.check();

    const Trace trace;
    attend(x, context);
    const Tensor by_head = trace.find(weights.path() + ".weights");         // [1, heads, S, M]
    const Tensor table = ops::to(ops::mean(by_head, {0, 1}), Device::cpu);  // [S, M]

    const auto [pixels, tokens] = table.dims<2>();
    WordMaps found{static_cast<int>(std::lround(std::sqrt(static_cast<double>(pixels)))), {}};
    for (const Word& word : words) {
        std::vector<float>& map = found.maps.emplace_back(pixels, 0.0f);
        for (std::int64_t i = 0; i < pixels; ++i)
            for (int token : word.tokens) map[i] += table.data()[i * tokens + token];
    }
    return found;
}

figures::Canvas word_maps_figure(const image::Image& picture, const std::vector<Word>& words,
                                 const std::vector<std::string>& places,
                                 const std::vector<WordMaps>& layers) {
    std::vector<figures::Tile> tiles;
    std::vector<std::string> row_labels, column_labels = {"picture"};
    for (const Word& word : words) column_labels.push_back(word.text);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        const auto& [side, maps] = layers[layer];
        row_labels.push_back(fmt::format("{}, {}×{}", places[layer], side, side));
        tiles.push_back({picture});
        for (std::vector<float> map : maps) {
            const float mean = mean_of(map);
            const auto [low, high] = std::ranges::minmax(map);
            for (float& weight : map) weight = (weight - low) / std::max(high - low, 1e-9f);
            tiles.push_back({figures::overlay(picture, map, side, side),
                             fmt::format("mean {:.0f} %", 100 * mean)});
        }
    }
    return figures::sheet(
        tiles,
        {.title = "Cross-attention: the attention weights of each word",
         .caption = "Two layers of the UNet at one timestep. Bright: pixels whose attention weight "
                    "for this word is large; each map runs from its smallest to its largest. The "
                    "means of a row add up to 100 %: most of it goes to start and padding.",
         .columns = static_cast<int>(words.size()) + 1,
         .column_labels = column_labels,
         .row_labels = row_labels,
         .scale = figures::ColorScale{figures::ColorMap::magma, "smallest", "largest",
                                      "attention weight, averaged over the heads"}});
}

}  // namespace ldm::attention
