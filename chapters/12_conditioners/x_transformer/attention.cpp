#include "chapters/12_conditioners/x_transformer/attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "common/autograd/trace.h"
#include "common/ops/attention.h"
#include "common/ops/elementwise.h"
#include "common/ops/heads.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

/// scores where `keep` is 1, -FLT_MAX where it is 0.
Tensor masked(const Tensor& scores, const Tensor& keep) {
    return scores * keep + std::numeric_limits<float>::max() * (keep + -1.0f);
}

/// A key counts for a query that comes after it, or at the same place: [S, M], whose last columns
/// are those of the tokens.
Tensor causal_mask(std::int64_t queries, std::int64_t keys) {
    Tensor keep({queries, keys});
    for (std::int64_t i = 0; i < queries; ++i)
        for (std::int64_t j = 0; j < keys; ++j)
            keep.data()[i * keys + j] = j <= i + keys - queries ? 1.0f : 0.0f;
    return keep;
}

/// 1 for the numbers that are not below the `count`th largest of their row.
Tensor largest(const Tensor& scores, int count) {
    const Tensor x = ops::to(ops::detach(scores), Device::cpu);
    const std::int64_t width = x.dim(-1), rank = std::min<std::int64_t>(count, width) - 1;
    Tensor keep(x.shape());
    std::vector<float> row(width);
    for (std::int64_t begin = 0; begin < x.size(); begin += width) {
        std::copy_n(x.data() + begin, width, row.begin());
        std::nth_element(row.begin(), row.begin() + rank, row.end(), std::greater<>());
        for (std::int64_t j = 0; j < width; ++j)
            keep.data()[begin + j] = x.data()[begin + j] < row[rank] ? 0.0f : 1.0f;
    }
    return ops::to(keep, scores.device());
}

/// The memory of a layer [heads, m, d] before the heads of the tokens [N, heads, M, d].
Tensor after(const Tensor& memory, const Tensor& heads) {
    if (!memory) return heads;
    const Shape shape{heads.dim(0), heads.dim(1), memory.dim(1), heads.dim(3)};
    return ops::concat({ops::broadcast_to(memory, shape), heads}, 2);
}

}  // namespace

Attention::Attention(const nn::Params& weights, const AttentionLayersConfig& config, bool causal)
    : path_(weights.path()),
      config_(config),
      causal_(causal),
      to_q_(weights / "to_q", config.dim, config.heads * config.dim_head, nn::Bias::no),
      to_k_(weights / "to_k", config.dim, config.heads * config.dim_head, nn::Bias::no),
      to_v_(weights / "to_v", config.dim, config.heads * config.dim_head, nn::Bias::no),
      to_out_(config.on_attn ? weights / "to_out" / 0 : weights / "to_out",
              config.heads * config.dim_head, config.on_attn ? 2 * config.dim : config.dim) {
    if (config.num_mem_kv > 0) {
        mem_k_ = weights.get("mem_k", {config.heads, config.num_mem_kv, config.dim_head});
        mem_v_ = weights.get("mem_v", {config.heads, config.num_mem_kv, config.dim_head});
    }
    if (config.talking_heads) {
        before_softmax_ = weights.get("pre_softmax_proj", {config.heads, config.heads});
        after_softmax_ = weights.get("post_softmax_proj", {config.heads, config.heads});
    }
}

/// Whether the scores need not be written to memory.
bool Attention::is_plain(const Input& input, bool wants_scores) const {
    return !wants_scores && !input.scores_before && !input.mask && !input.context_mask &&
           !config_.talking_heads && !config_.sparse_topk && !(causal_ && mem_k_);
}

//! [attention]
Attention::Output Attention::operator()(const Input& input, bool wants_scores) const {
    const Tensor& x = input.x;
    const Tensor& source = input.context ? input.context : x;  // [N, M, dim]
    const Tensor to_attend = input.positions ? x + input.positions : x;
    const Tensor to_find = input.positions ? source + input.positions : source;

    const Tensor q = ops::split_heads(to_q_(to_attend), config_.heads);  // [N, heads, S, d]
    const Tensor k = after(mem_k_, ops::split_heads(to_k_(to_find), config_.heads));
    const Tensor v = after(mem_v_, ops::split_heads(to_v_(source), config_.heads));
    if (is_plain(input, wants_scores))
        return {project(ops::scaled_dot_product_attention(q, k, v, {.causal = causal_})), {}};

    const float scale = 1.0f / std::sqrt(static_cast<float>(config_.dim_head));
    Tensor scores = scale * ops::matmul(q, k, ops::Transpose::b);  // [N, heads, S, m + M]
    if (input.scores_before) scores = scores + input.scores_before;
    Tensor seen = mixed(scores, before_softmax_);
    if (const Tensor keep = kept(input, q.dim(2), k.dim(2))) seen = masked(seen, keep);
    if (config_.sparse_topk) seen = masked(seen, largest(seen, *config_.sparse_topk));
    const Tensor weights = mixed(ops::softmax(seen), after_softmax_);
    // upstream masks in place, and so what is kept, too, unless the heads talked in between
    const Tensor& left = config_.talking_heads ? scores : seen;
    return {project(ops::matmul(weights, v)), wants_scores ? left : Tensor()};
}
//! [attention]

/// new[k] = sum over heads h of old[h] * matrix[h, k].
Tensor Attention::mixed(const Tensor& scores, const Tensor& matrix) const {
    if (!matrix) return scores;
    const Shape shape = scores.shape();  // [N, heads, S, M]
    const Tensor heads = scores.reshape({shape[0], shape[1], shape[2] * shape[3]});
    const Tensor each = ops::broadcast_to(matrix, {shape[0], shape[1], shape[1]});
    return ops::matmul(each, heads, ops::Transpose::a).reshape(shape);
}

/// 1 for the pairs of query and key that count: [N or 1, 1, S or 1, M]; empty if all do.
Tensor Attention::kept(const Input& input, std::int64_t queries, std::int64_t keys) const {
    Tensor keep;
    const Tensor& key_mask = input.context ? input.context_mask : input.mask;
    if (input.mask || key_mask) {
        const std::int64_t n = input.x.dim(0), memory = mem_k_ ? mem_k_.dim(1) : 0;
        const Device device = input.x.device();
        const auto flags = [&](const Tensor& mask, std::int64_t tokens) {
            return mask ? ops::to(ops::to_float(mask), device)
                        : ops::to(Tensor::full({n, tokens}, 1.0f), device);
        };
        const Tensor of_queries = flags(input.mask, queries).reshape({n, 1, queries, 1});
        const Tensor of_keys = flags(key_mask, keys - memory).reshape({n, 1, 1, keys - memory});
        keep = of_queries * of_keys;  // [N, 1, S, M]
        if (memory > 0)
            keep = ops::concat({ops::to(Tensor::full({n, 1, queries, memory}, 1.0f), device), keep},
                               3);
    }
    if (!causal_) return keep;
    const Tensor earlier = ops::to(causal_mask(queries, keys), input.x.device());
    return keep ? keep * earlier : earlier;
}

/// [N, heads, S, d] -> [N, S, dim]
Tensor Attention::project(const Tensor& heads) const {
    const Tensor y = to_out_(ops::merge_heads(heads));
    if (!config_.on_attn) return traced(path_, y);
    const auto halves = ops::chunk(y, 2, -1);
    return traced(path_, halves[0] * ops::sigmoid(halves[1]));
}

}  // namespace ldm::conditioners
