#include "chapters/12_conditioners/x_transformer/transformer_wrapper.h"

#include <fmt/format.h>

#include <numeric>
#include <vector>

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"

namespace ldm::conditioners {
namespace {

/// 0, 1, … tokens - 1
Tensor positions_of(std::int64_t tokens) {
    std::vector<std::int32_t> ids(tokens);
    std::iota(ids.begin(), ids.end(), 0);
    return Tensor::ints({tokens}, ids);
}

/// `count` ones before the flags of a mask [N, S].
Tensor with_ones_before(const Tensor& mask, std::int64_t count) {
    const auto [n, tokens] = mask.dims<2>();
    std::vector<std::int32_t> flags;
    for (std::int64_t i = 0; i < n; ++i) {
        flags.insert(flags.end(), count, 1);
        flags.insert(flags.end(), mask.ints() + i * tokens, mask.ints() + (i + 1) * tokens);
    }
    return Tensor::ints({n, count + tokens}, flags);
}

}  // namespace

TransformerWrapper::TransformerWrapper(const nn::Params& weights, const TransformerConfig& config)
    : path_(weights.path()),
      config_(config),
      token_emb_(weights / "token_emb", config.num_tokens,
                 config.emb_dim.value_or(config.attn_layers.dim)),
      layers_(weights / "attn_layers", config.attn_layers),
      norm_(weights / "norm", config.attn_layers.dim) {
    const int dim = config.attn_layers.dim, emb_dim = config.emb_dim.value_or(dim);
    if (config.use_pos_emb && !config.attn_layers.position_infused_attn)
        pos_emb_.emplace(weights / "pos_emb" / "emb", config.max_seq_len, emb_dim);
    if (emb_dim != dim) project_emb_.emplace(weights / "project_emb", emb_dim, dim);
    if (config.num_memory_tokens > 0)
        memory_tokens_ = weights.get("memory_tokens", {config.num_memory_tokens, dim});
    if (!config.makes_logits) return;
    if (config.tie_embedding)
        table_ = (weights / "token_emb").get("weight", {config.num_tokens, emb_dim});
    else
        to_logits_.emplace(weights / "to_logits", dim, config.num_tokens);
}

//! [wrapper]
Tensor TransformerWrapper::encode(const Input& input) const {
    const auto [n, tokens, width] = input.token_embeddings.dims<3>();
    if (pos_emb_ && tokens > config_.max_seq_len)
        throw Error(fmt::format("{} tokens are more than the {} that this transformer reads",
                                tokens, config_.max_seq_len));
    Tensor x = input.token_embeddings;  // [N, S, emb_dim]
    if (pos_emb_) x = x + (*pos_emb_)(positions_of(tokens));
    if (project_emb_) x = (*project_emb_)(x);  // [N, S, dim]

    Tensor mask = input.mask;
    const std::int64_t memory = memory_tokens_ ? memory_tokens_.dim(0) : 0;
    if (memory > 0) {
        x = ops::concat({ops::broadcast_to(memory_tokens_, {n, memory, x.dim(2)}), x}, 1);
        if (mask) mask = with_ones_before(mask, memory);
    }
    x = norm_(layers_({x, mask, input.context, input.context_mask}));
    return traced(path_, memory > 0 ? ops::slice(x, 1, memory, memory + tokens) : x);
}
//! [wrapper]

Tensor TransformerWrapper::logits(const Tensor& emb) const {
    expect(config_.makes_logits, "this transformer was made without logits");
    return table_ ? ops::linear(emb, table_) : (*to_logits_)(emb);
}

}  // namespace ldm::conditioners
