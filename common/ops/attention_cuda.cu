#include "common/ops/attention_cuda.h"

#include "common/device/cuda.cuh"
#include "common/device/numbers.cuh"
#include "common/device/reduce.cuh"
#include "common/ops/matmul_cuda.h"
#include "common/ops/shape_cuda.h"
#include "common/ops/softmax_cuda.h"
#include "common/ops/work.h"

#include <cmath>

/// Attention without its matrix of weights (Rabe & Staats, 2021; Dao et al., 2022): a block walks along the keys with a few queries,
/// and what it has gathered shrinks whenever a larger score turns up. Chapter 04's ladder leads here.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;
using cpu::hidden_score;

constexpr int keys_at_once = 32;      // a lane of a warp looks at one of them
constexpr int warps = 4;
constexpr int queries_of_warp = 4;
constexpr int queries_of_block = warps * queries_of_warp;
constexpr int widest = 160;           // of a head that the kernel takes

struct Heads {
    std::int64_t queries, keys, per_picture;  // per_picture: heads that share a row of `keep`
    float scale;
    bool causal;
    const std::int32_t* keep;  // or null

    __device__ bool hides(std::int64_t head, std::int64_t query, std::int64_t key) const {
        return (causal && key > query) || (keep && !keep[head / per_picture * keys + key]);
    }
};

/// `width` of queries and keys and `out` of values are at most `most`, a multiple of 32.
template <class T, int most>
__global__ void attention_kernel(Heads heads, int width, int out, const T* q, const T* k, const T* v, T* y) {
    __shared__ float query[queries_of_block][most];
    __shared__ float tile[keys_at_once][most + 1];  // keys, then values; one more, so that 32 rows lie in 32 banks
    constexpr int outs_of_lane = most / 32;
    const std::int64_t head = blockIdx.y, first_query = static_cast<std::int64_t>(blockIdx.x) * queries_of_block;
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, first_own = thread / 32 * queries_of_warp;

    for (int i = thread; i < queries_of_block * width; i += warps * 32) {
        const std::int64_t row = first_query + i / width;
        query[i / width][i % width] = row < heads.queries ? as_float(q[(head * heads.queries + row) * width + i % width]) * heads.scale : 0.0f;
    }
    const auto fetch = [&](const T* from, std::int64_t first_key, int row_width) {
        __syncthreads();  // nobody needs what the tile held
        for (int i = thread; i < keys_at_once * row_width; i += warps * 32) {
            const std::int64_t row = first_key + i / row_width;
            tile[i / row_width][i % row_width] = row < heads.keys ? as_float(from[(head * heads.keys + row) * row_width + i % row_width]) : 0.0f;
        }
        __syncthreads();
    };

    float largest[queries_of_warp], sum[queries_of_warp] = {}, mixture[queries_of_warp][outs_of_lane] = {};
    for (float& score : largest) score = -infinity;
    for (std::int64_t first_key = 0; first_key < heads.keys; first_key += keys_at_once) {
        fetch(k, first_key, width);
        float weight[queries_of_warp] = {};  // first a score
        for (int j = 0; j < width; ++j)
            for (int own = 0; own < queries_of_warp; ++own) weight[own] += query[first_own + own][j] * tile[lane][j];
        const std::int64_t key = first_key + lane;
        for (int own = 0; own < queries_of_warp; ++own) {
            const bool exists = key < heads.keys;
            if (exists && heads.hides(head, first_query + first_own + own, key)) weight[own] = hidden_score;
            if (!exists) weight[own] = -infinity;
            const float now = fmaxf(largest[own], reduce_warp(weight[own], Largest()));
            const float shrink = expf(largest[own] - now);
            weight[own] = expf(weight[own] - now);
            sum[own] = sum[own] * shrink + reduce_warp(weight[own], Sum());
            largest[own] = now;
            for (float& number : mixture[own]) number *= shrink;
        }
        fetch(v, first_key, out);
        for (int other = 0; other < keys_at_once; ++other)
            for (int own = 0; own < queries_of_warp; ++own) {
                const float share = __shfl_sync(~0u, weight[own], other);
                for (int i = 0; i < outs_of_lane; ++i)
                    if (lane + 32 * i < out) mixture[own][i] += share * tile[other][lane + 32 * i];
            }
    }
    for (int own = 0; own < queries_of_warp; ++own) {
        const std::int64_t row = first_query + first_own + own;
        for (int i = 0; i < outs_of_lane; ++i)
            if (row < heads.queries && lane + 32 * i < out)
                y[(head * heads.queries + row) * out + lane + 32 * i] = from_float<T>(mixture[own][i] / sum[own]);
    }
}

/// Scales scores [heads, N, M] and hides what the rule hides, in place.
template <class T>
__global__ void hide_kernel(std::int64_t size, Heads heads, T* scores) {
    for (std::int64_t i = first_index(); i < size; i += grid_stride()) {
        const std::int64_t key = i % heads.keys, query = i / heads.keys % heads.queries, head = i / heads.keys / heads.queries;
        scores[i] = from_float<T>(heads.hides(head, query, key) ? hidden_score : as_float(scores[i]) * heads.scale);
    }
}

/// ds = scale p (dp - sum(dp p)), 0 where hidden: in place of dp; one block for each query.
template <class T>
__global__ void scores_backward_kernel(Heads heads, const T* p, T* dp) {
    const std::int64_t query = blockIdx.x, head = blockIdx.y, begin = (head * heads.queries + query) * heads.keys;
    float dot = 0.0f;
    for (std::int64_t key = threadIdx.x; key < heads.keys; key += block_size) dot += as_float(p[begin + key]) * as_float(dp[begin + key]);
    dot = reduce_block(dot, Sum());
    for (std::int64_t key = threadIdx.x; key < heads.keys; key += block_size) {
        const float ds = heads.scale * as_float(p[begin + key]) * (as_float(dp[begin + key]) - dot);
        dp[begin + key] = from_float<T>(heads.hides(head, query, key) ? 0.0f : ds);
    }
}

Heads heads_of(const Tensor& q, const Tensor& k, const AttentionRule& rule) {
    return {q.dim(2), k.dim(2), q.dim(1), rule.scale, rule.causal, numbers<std::int32_t>(rule.keep)};
}

/// [B, heads, N, d] as [B heads, N, d]
Tensor stack(const Tensor& x) { return x.reshape({x.dim(0) * x.dim(1), x.dim(2), x.dim(3)}); }

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule) {
    const std::int64_t count = q.dim(0) * q.dim(1), queries = q.dim(2), keys = k.dim(2), width = q.dim(3), out = v.dim(3);
    const Shape shape{q.dim(0), q.dim(1), queries, out};
    if (keys == 0) return cuda::zeros_like(q, shape);
    if (std::max(width, out) > widest)  // as chapter 02's VAE, whose single head has 512 numbers
        return cuda::matmul(stack(cuda::attention_weights(q, k, rule)), stack(v), false, false).reshape(shape);
    add_work(2.0 * count * queries * keys * (width + out));
    Tensor y = like(q, shape);
    const dim3 blocks(static_cast<unsigned>((queries + queries_of_block - 1) / queries_of_block), static_cast<unsigned>(count));
    with_type(q, [&]<class T>(T) {
        const auto run = [&](auto kernel) {
            launch(kernel, blocks, warps * 32, heads_of(q, k, rule), static_cast<int>(width), static_cast<int>(out), numbers<T>(q), numbers<T>(k),
                   numbers<T>(v), numbers<T>(y));
        };
        std::max(width, out) <= 64 ? run(attention_kernel<T, 64>) : run(attention_kernel<T, widest>);
    });
    return y;
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule) {
    Tensor scores = cuda::matmul(stack(q), stack(k), false, true);
    with_type(scores, [&]<class T>(T) {
        launch(hide_kernel<T>, blocks_for(scores.size()), block_size, scores.size(), heads_of(q, k, rule), numbers<T>(scores));
    });
    return cuda::softmax(scores).reshape({q.dim(0), q.dim(1), q.dim(2), k.dim(2)});
}

/// With p the weights and s the scaled scores:
///     dv = p^T dy,   dp = dy v^T,   ds = p (dp - sum(dp p)),   dq = scale ds k,   dk = scale ds^T q
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule) {
    const Tensor p = stack(cuda::attention_weights(q, k, rule)), flow = stack(dy);
    const Tensor dv = cuda::matmul(p, flow, true, false);
    Tensor ds = cuda::matmul(flow, stack(v), false, true);
    const dim3 rows(static_cast<unsigned>(q.dim(2)), static_cast<unsigned>(q.dim(0) * q.dim(1)));
    with_type(ds, [&]<class T>(T) { launch(scores_backward_kernel<T>, rows, block_size, heads_of(q, k, rule), numbers<T>(p), numbers<T>(ds)); });
    return {cuda::matmul(ds, stack(k), false, false).reshape(q.shape()), cuda::matmul(ds, stack(q), true, false).reshape(k.shape()),
            dv.reshape(v.shape())};
}

}  // namespace ldm::ops::cuda
