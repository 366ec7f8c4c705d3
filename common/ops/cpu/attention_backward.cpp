#include <algorithm>
#include <memory>

#include "common/device/memory.h"
#include "common/ops/cpu/attention.h"
#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/softmax.h"
#include "common/ops/cpu/vector_math.h"
#include "common/parallel.h"

/// What needs the attention weights themselves: showing them, and the gradient. They are computed
/// again for some queries at a time, so that memory grows with N, not with N squared.
namespace ldm::ops::cpu {
namespace {

/// The softmax of the scores of `count` queries of one head, from query `first` on: [count, M].
void some_weights(const Tensor& q, const Tensor& k, std::int64_t head, std::int64_t first,
                  std::int64_t count, const AttentionRule& rule, const ComputeContext& context,
                  float* weights) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2), width = q.dim(3);
    const std::int32_t* key_padding_mask = rule.key_padding_mask_of(q, k, head);
    gemm({q.data() + (head * queries + first) * width, count, width, width, 1},
         MatrixIn{k.data() + head * keys * width, keys, width, width, 1}.transposed(),
         {weights, count, keys, keys}, context);
    for (std::int64_t i = 0; i < count; ++i) {
        float* row = weights + i * keys;
        for (std::int64_t j = 0; j < keys; ++j)
            row[j] =
                rule.masks(key_padding_mask, first + i, j) ? masked_score : row[j] * rule.scale;
        softmax_row(row, keys);
    }
}

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule,
                         const ComputeContext& context) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2);
    Tensor weights({q.dim(0), q.dim(1), queries, keys});
    parallel_tasks(q.dim(0) * q.dim(1), available_threads(), [&](std::int64_t head, int) {
        some_weights(q, k, head, 0, queries, rule, context, weights.data() + head * queries * keys);
    });
    return weights;
}

/// With p the attention weights and s the scaled scores:
///
///     dv = p^T dy,   dp = dy v^T,   ds = p (dp - sum(dp p)),   dq = scale ds k,   dk = scale ds^T
///     q
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule,
                                      const ComputeContext& context) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2), width = q.dim(3), out = v.dim(3);
    constexpr std::int64_t at_once = 256;
    AttentionGradients d{Tensor(q.shape()), Tensor::zeros(k.shape()), Tensor::zeros(v.shape())};
    const int threads = available_threads();
    // p and ds of each thread
    const std::shared_ptr<void> scratch = allocate(threads * 2 * at_once * keys * sizeof(float));
    parallel_tasks(q.dim(0) * q.dim(1), threads, [&](std::int64_t head, int thread) {
        float* p = static_cast<float*>(scratch.get()) + thread * 2 * at_once * keys;
        float* ds = p + at_once * keys;
        const std::int32_t* key_padding_mask = rule.key_padding_mask_of(q, k, head);
        for (std::int64_t first = 0; first < queries; first += at_once) {
            const std::int64_t count = std::min(at_once, queries - first),
                               at = head * queries + first;
            const MatrixIn grad_output{dy.data() + at * out, count, out, out, 1};
            const MatrixIn weights{p, count, keys, keys, 1}, scores{ds, count, keys, keys, 1};
            some_weights(q, k, head, first, count, rule, context, p);
            gemm(weights.transposed(), grad_output,
                 {d.v.data() + head * keys * out, keys, out, out}, context, {.accumulate = true});
            gemm(grad_output,
                 MatrixIn{v.data() + head * keys * out, keys, out, out, 1}.transposed(),
                 {ds, count, keys, keys}, context);
            for (std::int64_t i = 0; i < count; ++i) {
                const float* weight = p + i * keys;
                float* row = ds + i * keys;
                const float dot =
                    static_cast<float>(sum_lanes(keys, [&](std::int64_t j, int lanes) {
                        return load_lanes(row + j, lanes) * load_lanes(weight + j, lanes);
                    }));
                // A masked score is a constant, also where all are masked and all weights are
                // equal.
                for (std::int64_t j = 0; j < keys; ++j)
                    row[j] = rule.masks(key_padding_mask, first + i, j)
                                 ? 0.0f
                                 : rule.scale * weight[j] * (row[j] - dot);
            }
            gemm(scores, {k.data() + head * keys * width, keys, width, width, 1},
                 {d.q.data() + at * width, count, width, width}, context);
            gemm(scores.transposed(), {q.data() + at * width, count, width, width, 1},
                 {d.k.data() + head * keys * width, keys, width, width}, context,
                 {.accumulate = true});
        }
    });
    return d;
}

}  // namespace ldm::ops::cpu
