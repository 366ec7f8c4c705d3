#include "chapters/03_clip/text_encoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/03_clip/position_ids.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/transfer.h"

namespace ldm::clip {

TextEncoder::Config TextEncoder::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "max_position_embeddings", "bos_token_id",
                          "eos_token_id", "pad_token_id", "hidden_act"},
                         "CLIPTextModel");
    // far beyond every model there is
    constexpr std::int64_t largest_vocabulary = 10'000'000, longest_text = 1 << 16;
    std::optional<std::int32_t> pad_token_id;
    if (io::has(json, "pad_token_id")) pad_token_id = io::get<std::int32_t>(json, "pad_token_id");
    return {.vocab_size = io::get_in<std::int64_t>(json, "vocab_size", 1, largest_vocabulary),
            .max_position_embeddings =
                io::get_in<std::int64_t>(json, "max_position_embeddings", 1, longest_text),
            .eos_token_id = io::get<int>(json, "eos_token_id"),
            .pad_token_id = pad_token_id,
            .transformer = TransformerConfig::from_json(json)};
}

TextEncoder::TextEncoder(const nn::Params& weights, const Config& config)
    : path_((weights / "text_model").path()),
      max_length_(config.max_position_embeddings),
      end_token_(config.eos_token_id),
      token_embedding_(weights / "text_model" / "embeddings" / "token_embedding", config.vocab_size,
                       config.transformer.hidden_size),
      position_embedding_(weights / "text_model" / "embeddings" / "position_embedding", max_length_,
                          config.transformer.hidden_size),
      encoder_(weights / "text_model" / "encoder", config.transformer, AttentionMask::causal),
      final_norm_(weights / "text_model" / "final_layer_norm", config.transformer.hidden_size) {
    accept_position_ids(weights / "text_model" / "embeddings", max_length_);
}

void TextEncoder::expect_readable(std::int64_t length) const {
    if (length > max_length_)
        fail(fmt::format("a text of {} tokens: the model reads at most {}", length, max_length_));
}

//! [forward]
Tensor TextEncoder::token_embeddings(const Tensor& ids) const { return token_embedding_(ids); }

std::vector<Tensor> TextEncoder::layers(const Tensor& token_embeddings) const {
    const std::int64_t length = token_embeddings.dim(1);
    expect_readable(length);
    return encoder_.hidden_states(token_embeddings + position_embedding_(counting_up_to(length)));
}

Tensor TextEncoder::operator()(const Tensor& ids) const {
    return traced(path_, final_norm_(hidden_states(ids).back()));  // [N, S] -> [N, S, D]
}
//! [forward]

std::vector<Tensor> TextEncoder::hidden_states(const Tensor& ids) const {
    const auto [n, length] = ids.dims<2>();
    expect_readable(length);
    return layers(token_embeddings(ids));
}

Tensor TextEncoder::encode(const Tensor& token_embeddings, int skipped) const {
    const std::vector<Tensor> states = layers(token_embeddings);
    const int last = static_cast<int>(std::ssize(states)) - 1;
    expect(skipped >= 0 && (skipped == 0 || skipped < last),
           fmt::format("{} of {} layers cannot be skipped", skipped, last));
    return final_norm_(states[last - skipped]);
}

//! [pool]
Tensor TextEncoder::pool(const Tensor& last_hidden_state, const Tensor& ids) const {
    const auto [n, length, width] = last_hidden_state.dims<3>();
    expect_shape(ids, {n, length});
    const Tensor read = ops::to(ids, Device::cpu);
    Tensor rows({n}, DType::i32);
    for (std::int64_t i = 0; i < n; ++i)
        rows.ints()[i] = i * length + end_of_text(read.ints() + i * length, length);
    return ops::embedding(rows, last_hidden_state.reshape({n * length, width}));  // [N, D]
}
//! [pool]

std::int64_t TextEncoder::end_of_text(const std::int32_t* ids, std::int64_t length) const {
    // The configuration published with OpenAI's weights says 2, which is wrong; everybody who reads
    // it then takes the largest id, as OpenAI's own code does: the end token is the last of the
    // vocabulary. transformers decides in the same way.
    if (end_token_ == 2) return std::max_element(ids, ids + length) - ids;
    const std::int32_t* found = std::find(ids, ids + length, end_token_);
    // a text without an end: as transformers
    return found == ids + length ? 0 : found - ids;
}

}  // namespace ldm::clip
