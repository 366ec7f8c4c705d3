#include "common/ops/attention_cpu.h"

#include "common/ops/gemm_cpu.h"
#include "common/ops/softmax_cpu.h"

#include <limits>
#include <vector>

namespace ldm::ops::cpu {
namespace {

/// Who may look at whom in one head.
struct Visibility {
    bool causal;
    const std::int32_t* keep;  // [M] or null

    Visibility(const AttentionRule& rule, std::int64_t head, std::int64_t heads, std::int64_t keys)
        : causal(rule.causal), keep(rule.keep ? rule.keep.ints() + head / heads * keys : nullptr) {}

    bool hidden(std::int64_t query, std::int64_t key) const {
        return (causal && key > query) || (keep && !keep[key]);
    }
};

/// The softmax of one head's scores: [N, M] from q [N, d] and k [M, d].
void head_weights(const Tensor& q, const Tensor& k, std::int64_t head, const AttentionRule& rule,
                  float* weights) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2), width = q.dim(3);
    const Visibility visibility(rule, head, q.dim(1), keys);
    gemm({q.data() + head * queries * width, queries, width, width, 1},
         MatrixIn{k.data() + head * keys * width, keys, width, width, 1}.transposed(),
         {weights, queries, keys, keys});
    for (std::int64_t i = 0; i < queries; ++i) {
        float* row = weights + i * keys;
        for (std::int64_t j = 0; j < keys; ++j) {
            row[j] = visibility.hidden(i, j) ? std::numeric_limits<float>::lowest() : row[j] * rule.scale;
        }
        softmax_row(row, keys);
    }
}

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule) {
    Tensor weights({q.dim(0), q.dim(1), q.dim(2), k.dim(2)});
#pragma omp parallel for
    for (std::int64_t head = 0; head < q.dim(0) * q.dim(1); ++head)
        head_weights(q, k, head, rule, weights.data() + head * q.dim(2) * k.dim(2));
    return weights;
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2), out = v.dim(3);
    Tensor y({q.dim(0), q.dim(1), queries, out});
#pragma omp parallel
    {
        std::vector<float> weights(queries * keys);
#pragma omp for
        for (std::int64_t head = 0; head < q.dim(0) * q.dim(1); ++head) {
            head_weights(q, k, head, rule, weights.data());
            gemm({weights.data(), queries, keys, keys, 1}, {v.data() + head * keys * out, keys, out, out, 1},
                 {y.data() + head * queries * out, queries, out, out});
        }
    }
    return y;
}

/// With p the weights and s the scaled scores:
///     dv = p^T dy,   dp = dy v^T,   ds = p (dp - sum(dp p)) or 0 where hidden,   dq = scale ds k,   dk = scale ds^T q
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule) {
    const std::int64_t queries = q.dim(2), keys = k.dim(2), width = q.dim(3), out = v.dim(3);
    AttentionGradients d{Tensor(q.shape()), Tensor(k.shape()), Tensor(v.shape())};
#pragma omp parallel
    {
        std::vector<float> p(queries * keys), ds(queries * keys);
#pragma omp for
        for (std::int64_t head = 0; head < q.dim(0) * q.dim(1); ++head) {
            const MatrixIn flow{dy.data() + head * queries * out, queries, out, out, 1};
            const MatrixIn weights{p.data(), queries, keys, keys, 1};
            const MatrixIn scores{ds.data(), queries, keys, keys, 1};
            const Visibility visibility(rule, head, q.dim(1), keys);
            head_weights(q, k, head, rule, p.data());
            gemm(weights.transposed(), flow, {d.v.data() + head * keys * out, keys, out, out});
            gemm(flow, MatrixIn{v.data() + head * keys * out, keys, out, out, 1}.transposed(),
                 {ds.data(), queries, keys, keys});
            for (std::int64_t i = 0; i < queries; ++i) {
                double dot = 0.0;
                for (std::int64_t j = i * keys; j < (i + 1) * keys; ++j) dot += static_cast<double>(ds[j]) * p[j];
                for (std::int64_t j = 0; j < keys; ++j) {
                    float& score = ds[i * keys + j];
                    score = visibility.hidden(i, j) ? 0.0f : rule.scale * p[i * keys + j] * (score - static_cast<float>(dot));
                }
            }
            gemm(scores, {k.data() + head * keys * width, keys, width, width, 1},
                 {d.q.data() + head * queries * width, queries, width, width});
            gemm(scores.transposed(), {q.data() + head * queries * width, queries, width, width, 1},
                 {d.k.data() + head * keys * width, keys, width, width});
        }
    }
    return d;
}

}  // namespace ldm::ops::cpu
