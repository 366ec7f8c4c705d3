#include <cmath>

#include "common/device/build.h"
#include "common/device/cuda.cuh"
#include "common/ops/cuda/attention.h"
#include "common/ops/cuda/attention_cudnn.h"
#include "common/ops/cuda/matmul.h"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/reduce.cuh"
#include "common/ops/cuda/shape.h"
#include "common/ops/cuda/softmax.h"
#include "common/ops/cuda/tensor_core.cuh"
#include "common/ops/cudnn_use.h"

/// Attention without its matrix of weights (Rabe & Staats, 2021; Dao et al., 2022): a block goes
/// over the keys with a few queries, and what it has summed is rescaled whenever a larger score
/// turns up. Chapter 04's variants lead here.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;
using cpu::masked_score;

// keys of a tile, one for each lane of a warp
constexpr int keys_at_once = 32;
constexpr int warps = 4;
constexpr int queries_of_warp = 4;
constexpr int queries_of_block = warps * queries_of_warp;
// largest width of a head that the kernel takes
constexpr int widest = 160;

/// Which keys are masked for the queries of a head.
struct AttentionMask {
    bool causal;
    // one number for each key, 0 = masked; or null
    const std::int32_t* key_padding_mask;

    __device__ bool operator()(std::int64_t query, std::int64_t key) const {
        return (causal && key > query) || (key_padding_mask && !key_padding_mask[key]);
    }
    __device__ bool nothing() const { return !causal && !key_padding_mask; }
};

struct Heads {
    // per_picture: heads that share a row of `key_padding_mask`
    std::int64_t queries, keys, per_picture;
    float scale;
    bool causal;
    // or null
    const std::int32_t* key_padding_mask;

    __device__ AttentionMask mask_of(std::int64_t head) const {
        return {causal, key_padding_mask ? key_padding_mask + head / per_picture * keys : nullptr};
    }
};

/// `width` of queries and keys and `out` of values are at most `most`, a multiple of 32.
template <class T, int most>
__global__ void attention_kernel(Heads heads, int width, int out, const T* q, const T* k,
                                 const T* v, T* y) {
    __shared__ float query[queries_of_block][most];
    // keys, then values; one more, so that 32 rows lie in 32 banks
    __shared__ float tile[keys_at_once][most + 1];
    constexpr int outs_of_lane = most / 32;
    const std::int64_t head = blockIdx.y,
                       first_query = static_cast<std::int64_t>(blockIdx.x) * queries_of_block;
    const AttentionMask masked = heads.mask_of(head);
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32,
              first_own = thread / 32 * queries_of_warp;

    for (int i = thread; i < queries_of_block * width; i += warps * 32) {
        const std::int64_t row = first_query + i / width;
        query[i / width][i % width] =
            row < heads.queries
                ? as_float(q[(head * heads.queries + row) * width + i % width]) * heads.scale
                : 0.0f;
    }
    const auto fetch = [&](const T* from, std::int64_t first_key, int row_width) {
        // no thread needs what the tile held
        __syncthreads();
        for (int i = thread; i < keys_at_once * row_width; i += warps * 32) {
            const std::int64_t row = first_key + i / row_width;
            tile[i / row_width][i % row_width] =
                row < heads.keys
                    ? as_float(from[(head * heads.keys + row) * row_width + i % row_width])
                    : 0.0f;
        }
        __syncthreads();
    };

    float largest[queries_of_warp], sum[queries_of_warp] = {},
                                    output[queries_of_warp][outs_of_lane] = {};
    for (float& score : largest) score = -infinity;
    for (std::int64_t first_key = 0; first_key < heads.keys; first_key += keys_at_once) {
        fetch(k, first_key, width);
        // first a score
        float weight[queries_of_warp] = {};
        for (int j = 0; j < width; ++j)
            for (int own = 0; own < queries_of_warp; ++own)
                weight[own] += query[first_own + own][j] * tile[lane][j];
        const std::int64_t key = first_key + lane;
        for (int own = 0; own < queries_of_warp; ++own) {
            const bool exists = key < heads.keys;
            if (exists && masked(first_query + first_own + own, key)) weight[own] = masked_score;
            if (!exists) weight[own] = -infinity;
            const float now = fmaxf(largest[own], reduce_warp(weight[own], Largest()));
            const float shrink = expf(largest[own] - now);
            weight[own] = expf(weight[own] - now);
            sum[own] = sum[own] * shrink + reduce_warp(weight[own], Sum());
            largest[own] = now;
            for (float& number : output[own]) number *= shrink;
        }
        fetch(v, first_key, out);
        for (int other = 0; other < keys_at_once; ++other)
            for (int own = 0; own < queries_of_warp; ++own) {
                const float share = __shfl_sync(~0u, weight[own], other);
                for (int i = 0; i < outs_of_lane; ++i)
                    if (lane + 32 * i < out) output[own][i] += share * tile[other][lane + 32 * i];
            }
    }
    for (int own = 0; own < queries_of_warp; ++own) {
        const std::int64_t row = first_query + first_own + own;
        for (int i = 0; i < outs_of_lane; ++i)
            if (row < heads.queries && lane + 32 * i < out)
                y[(head * heads.queries + row) * out + lane + 32 * i] =
                    from_float<T>(output[own][i] / sum[own]);
    }
}

/// The same on tensor cores, for 16-bit numbers (Dao, 2023): a warp has 16 queries, and both
/// products are made of 16 x 16 x 8 pieces. What the first leaves in a lane's registers, the scores
/// of two rows, is after the softmax just what the second wants there. `width` and `out` are
/// multiples of 8 and at most 16 * `steps`.
template <class T, int steps>
struct TensorCoreAttention {
    static constexpr int most = 16 * steps;
    static constexpr int keys_at_once = steps <= 5 ? 64 : 32;
    // so that the rows of a fragment lie in different banks
    static constexpr int row_step = most + 8;
    static constexpr int queries_of_warp = 16, queries_of_block = warps * queries_of_warp;

    /// Rows [first, first + keys_at_once) of a head into shared memory, 16 bytes at a time; zeros
    /// where there are none.
    __device__ static void fetch(const T* rows, std::int64_t first, std::int64_t count, int width,
                                 T* tile) {
        constexpr int packs = most / 8;
        for (int i = static_cast<int>(threadIdx.x); i < keys_at_once * packs; i += warps * 32) {
            const int row = i / packs, column = i % packs * 8;
            uint4 pack{};
            if (first + row < count && column < width)
                pack = *reinterpret_cast<const uint4*>(rows + (first + row) * width + column);
            *reinterpret_cast<uint4*>(tile + row * row_step + column) = pack;
        }
    }

    __device__ static void run(const Heads& heads, int width, int out, const T* q, const T* k,
                               const T* v, T* y) {
        alignas(16) __shared__ T key_tile[keys_at_once * row_step];
        alignas(16) __shared__ T value_tile[keys_at_once * row_step];
        // groups of 8 keys, a column of B each
        constexpr int groups = keys_at_once / 8;
        const Lane lane;
        const std::int64_t head = blockIdx.y;
        const AttentionMask masked = heads.mask_of(head);
        const std::int64_t first_query = static_cast<std::int64_t>(blockIdx.x) * queries_of_block +
                                         static_cast<int>(threadIdx.x) / 32 * queries_of_warp;

        // the warp's queries as A
        unsigned query[steps][4];
        for (int step = 0; step < steps; ++step)
            for (int i = 0; i < 4; ++i) {
                const std::int64_t row = first_query + lane.row + i % 2 * 8;
                const int column = 16 * step + lane.pair + i / 2 * 8;
                query[step][i] = row < heads.queries && column < width
                                     ? both(q + (head * heads.queries + row) * width + column)
                                     : 0u;
            }

        // of rows lane.row and lane.row + 8
        float largest[2] = {-infinity, -infinity}, sum[2] = {}, output[2 * steps][4] = {};
        for (std::int64_t first_key = 0; first_key < heads.keys; first_key += keys_at_once) {
            // no thread needs what the tiles held
            __syncthreads();
            fetch(k + head * heads.keys * width, first_key, heads.keys, width, key_tile);
            fetch(v + head * heads.keys * out, first_key, heads.keys, out, value_tile);
            __syncthreads();

            float score[groups][4] = {};
            for (int step = 0; step < steps; ++step)
                for (int group = 0; group < groups; ++group) {
                    const T* key =
                        key_tile + (8 * group + lane.row) * row_step + 16 * step + lane.pair;
                    const unsigned keys_there[2] = {both(key), both(key + 8)};
                    multiply_add<T>(score[group], query[step], keys_there);
                }

            for (float(&of_group)[4] : score)
                for (float& s : of_group) s *= heads.scale;
            // true in most tiles
            const bool none_masked = masked.nothing() && first_key + keys_at_once <= heads.keys;
            if (!none_masked)
                for (int group = 0; group < groups; ++group)
                    for (int i = 0; i < 4; ++i) {
                        const std::int64_t key = first_key + 8 * group + lane.pair + i % 2,
                                           row = first_query + lane.row + i / 2 * 8;
                        if (key >= heads.keys)
                            score[group][i] = -infinity;
                        else if (masked(row, key))
                            score[group][i] = masked_score;
                    }

            float now[2] = {largest[0], largest[1]};
            for (int group = 0; group < groups; ++group)
                for (int i = 0; i < 4; ++i) now[i / 2] = fmaxf(now[i / 2], score[group][i]);
            // four neighbouring lanes share a row
            for (int half = 0; half < 2; ++half) {
                now[half] = fmaxf(now[half], __shfl_xor_sync(~0u, now[half], 1));
                now[half] = fmaxf(now[half], __shfl_xor_sync(~0u, now[half], 2));
                const float shrink = __expf(largest[half] - now[half]);
                largest[half] = now[half];
                sum[half] *= shrink;
                for (float(&part)[4] : output) {
                    part[2 * half] *= shrink;
                    part[2 * half + 1] *= shrink;
                }
            }
            for (int group = 0; group < groups; ++group)
                for (int i = 0; i < 4; ++i) {
                    score[group][i] = __expf(score[group][i] - largest[i / 2]);
                    sum[i / 2] += score[group][i];
                }

            // sixteen keys
            for (int pair = 0; pair < groups / 2; ++pair) {
                const float(&left)[4] = score[2 * pair], (&right)[4] = score[2 * pair + 1];
                const unsigned weights[4] = {both<T>(left[0], left[1]), both<T>(left[2], left[3]),
                                             both<T>(right[0], right[1]),
                                             both<T>(right[2], right[3])};
                for (int column = 0; column < 2 * steps; ++column) {
                    unsigned values[2];
                    load_rows(values, value_tile + 16 * pair * row_step + 8 * column, row_step);
                    multiply_add<T>(output[column], weights, values);
                }
            }
        }

        for (int half = 0; half < 2; ++half) {
            sum[half] += __shfl_xor_sync(~0u, sum[half], 1);
            sum[half] += __shfl_xor_sync(~0u, sum[half], 2);
            const std::int64_t row = first_query + lane.row + 8 * half;
            for (int column = 0; column < 2 * steps; ++column) {
                const int at = 8 * column + lane.pair;
                if (row >= heads.queries || at >= out) continue;
                const unsigned word = both<T>(output[column][2 * half] / sum[half],
                                              output[column][2 * half + 1] / sum[half]);
                put_both(word, y + (head * heads.queries + row) * out + at);
            }
        }
    }
};

template <class T, int steps>
__global__ void tensor_core_attention_kernel(Heads heads, int width, int out, const T* q,
                                             const T* k, const T* v, T* y) {
    TensorCoreAttention<T, steps>::run(heads, width, out, q, k, v, y);
}

/// Scales scores [heads, N, M] and masks what the rule masks, in place.
__global__ void mask_kernel(std::int64_t size, Heads heads, float* scores) {
    for (std::int64_t i = first_index(); i < size; i += grid_stride()) {
        const std::int64_t key = i % heads.keys, query = i / heads.keys % heads.queries,
                           head = i / heads.keys / heads.queries;
        scores[i] = heads.mask_of(head)(query, key) ? masked_score : scores[i] * heads.scale;
    }
}

/// ds = scale p (dp - sum(dp p)), 0 where masked: in place of dp; one block for each query.
template <class T>
__global__ void scores_backward_kernel(Heads heads, const T* p, T* dp) {
    const std::int64_t query = blockIdx.x, head = blockIdx.y,
                       begin = (head * heads.queries + query) * heads.keys;
    const AttentionMask masked = heads.mask_of(head);
    float dot = 0.0f;
    for (std::int64_t key = threadIdx.x; key < heads.keys; key += block_size)
        dot += as_float(p[begin + key]) * as_float(dp[begin + key]);
    dot = reduce_block(dot, Sum());
    for (std::int64_t key = threadIdx.x; key < heads.keys; key += block_size) {
        const float ds = heads.scale * as_float(p[begin + key]) * (as_float(dp[begin + key]) - dot);
        dp[begin + key] = from_float<T>(masked(query, key) ? 0.0f : ds);
    }
}

Heads heads_of(const Tensor& q, const Tensor& k, const AttentionRule& rule) {
    return {q.dim(2),   k.dim(2),    q.dim(1),
            rule.scale, rule.causal, numbers<std::int32_t>(rule.key_padding_mask)};
}

/// [N, heads, S, d] as [N heads, S, d]
Tensor stack(const Tensor& x) { return x.reshape({x.dim(0) * x.dim(1), x.dim(2), x.dim(3)}); }

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                 const ComputeContext& context) {
    const std::int64_t count = q.dim(0) * q.dim(1), queries = q.dim(2), keys = k.dim(2),
                       width = q.dim(3), out = v.dim(3);
    const Shape shape{q.dim(0), q.dim(1), queries, out};
    if (keys == 0) return cuda::zeros_like(q, shape);
    if constexpr (build::has_cudnn)
        if (context.cudnn.attention)
            if (const Tensor y = cudnn_attention(q, k, v, rule, context)) return y;
    // as chapter 02's VAE, whose single head has 512 numbers
    if (std::max(width, out) > widest)
        return cuda::matmul(stack(cuda::attention_weights(q, k, rule, context)), stack(v), false,
                            false, context)
            .reshape(shape);
    context.add_flops(2.0 * count * queries * keys * (width + out));
    Tensor y = like(q, shape);
    with_type(q, [&]<class T>(T) {
        const auto run = [&](auto kernel, int queries_of_block) {
            const auto blocks =
                static_cast<unsigned>((queries + queries_of_block - 1) / queries_of_block);
            launch(kernel, dim3(blocks, static_cast<unsigned>(count)), warps * 32,
                   heads_of(q, k, rule), static_cast<int>(width), static_cast<int>(out),
                   numbers<T>(q), numbers<T>(k), numbers<T>(v), numbers<T>(y));
        };
        const std::int64_t widest_here = std::max(width, out);
        if constexpr (!std::is_same_v<T, float>)
            if (has_tensor_cores<T>() && width % 8 == 0 && out % 8 == 0) {
                if (widest_here <= 48) return run(tensor_core_attention_kernel<T, 3>, 64);
                if (widest_here <= 64) return run(tensor_core_attention_kernel<T, 4>, 64);
                if (widest_here <= 80) return run(tensor_core_attention_kernel<T, 5>, 64);
                return run(tensor_core_attention_kernel<T, 10>, 64);
            }
        widest_here <= 64 ? run(attention_kernel<T, 64>, queries_of_block)
                          : run(attention_kernel<T, widest>, queries_of_block);
    });
    return y;
}

/// Scores are float32 here, too: those of many channels may be more than float16 can hold, and
/// where they are large, their differences are what 16 bits lose.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule,
                         const ComputeContext& context) {
    Tensor scores = cuda::matmul_as_float(stack(q), stack(k), false, true, context);
    launch(mask_kernel, blocks_for(scores.size()), block_size, scores.size(), heads_of(q, k, rule),
           numbers<float>(scores));
    Tensor weights = cuda::softmax(scores);
    if (q.dtype() != DType::f32) weights = cuda::to_type(weights, q.dtype());
    return weights.reshape({q.dim(0), q.dim(1), q.dim(2), k.dim(2)});
}

/// With p the attention weights and s the scaled scores:
///
///     dv = p^T dy,   dp = dy v^T,   ds = p (dp - sum(dp p)),   dq = scale ds k,   dk = scale ds^T
///     q
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule,
                                      const ComputeContext& context) {
    const Tensor p = stack(cuda::attention_weights(q, k, rule, context)), grad_output = stack(dy);
    const Tensor dv = cuda::matmul(p, grad_output, true, false, context);
    Tensor ds = cuda::matmul(grad_output, stack(v), false, true, context);
    const dim3 rows(static_cast<unsigned>(q.dim(2)), static_cast<unsigned>(q.dim(0) * q.dim(1)));
    with_type(ds, [&]<class T>(T) {
        launch(scores_backward_kernel<T>, rows, block_size, heads_of(q, k, rule), numbers<T>(p),
               numbers<T>(ds));
    });
    return {cuda::matmul(ds, stack(k), false, false, context).reshape(q.shape()),
            cuda::matmul(ds, stack(q), true, false, context).reshape(k.shape()),
            dv.reshape(v.shape())};
}

}  // namespace ldm::ops::cuda
