#include "common/ops/cpu/attention.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "common/device/memory.h"
#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_kernel.h"
#include "common/ops/cpu/vector_math.h"
#include "common/parallel.h"

/// Attention without the matrix of scores. The definition writes all N x M of them to memory, takes
/// the softmax and reads them again. Here a few queries go over the keys block by block with the
/// online softmax of Milakov & Gimelshein (2018), as in FlashAttention (Dao et al., 2022): they
/// keep the largest score so far, the sum of exponentials and the weighted sum of values relative
/// to it, and whenever the largest grows, what was summed before is rescaled by the same factor.
///
/// Everything is computed transposed: scores = K Q^T has a column for each query, one lane of a
/// register. The softmax then never works across lanes, and the exponentials lie in memory just as
/// the second product, V^T times them, wants its right side packed (cpu/packed_gemm.h).
namespace ldm::ops::cpu {
namespace {

using packed::row_panel;
using packed::row_panels;
using packed::Tile;
using packed::tile_columns;
using packed::tile_rows;

constexpr std::int64_t queries_at_once = tile_columns;
constexpr std::int64_t keys_at_once = 256 / tile_rows * tile_rows;

/// Keys and values of one head as left sides of the two products: K [keys, d] and V^T [e, keys].
struct PackedHead {
    std::int64_t keys, width, out;
    float *k, *v;

    /// How many numbers a head takes.
    static std::int64_t size(std::int64_t keys, std::int64_t width, std::int64_t out) {
        return (row_panels(keys) * width + row_panels(out) * keys) * row_panel;
    }

    /// In memory of that size.
    PackedHead(float* memory, std::int64_t keys, std::int64_t width, std::int64_t out)
        : keys(keys),
          width(width),
          out(out),
          k(memory),
          v(memory + row_panels(keys) * row_panel * width) {}

    void pack(const float* k_rows, const float* v_rows) const {
        for (std::int64_t i = 0; i < keys; i += tile_rows)
            packed::pack_strided<row_panel>(k_rows + i * width, width, 1, rows_from(i, keys), width,
                                            k + i / tile_rows * row_panel * width);
        for (std::int64_t i = 0; i < out; i += tile_rows)
            packed::pack_strided<row_panel>(v_rows + i, 1, out, rows_from(i, out), keys,
                                            v + i / tile_rows * row_panel * keys);
    }

    static int rows_from(std::int64_t i, std::int64_t count) {
        return static_cast<int>(std::min<std::int64_t>(tile_rows, count - i));
    }
};

/// A few queries and the keys of one head, block by block. A pair of registers holds one number for
/// each query.
class OnlineSoftmaxBlock {
public:
    /// How many tiles of scratch memory a block takes: scores, outputs, queries.
    static std::int64_t scratch_tiles(std::int64_t width, std::int64_t out) {
        return row_panels(keys_at_once) + row_panels(out) + row_panels(width);
    }

    OnlineSoftmaxBlock(const PackedHead& head, const float* queries, int count,
                       std::int64_t first_query, const AttentionRule& rule,
                       const std::int32_t* key_padding_mask, Tile* scratch)
        : head_(head),
          count_(count),
          first_query_(first_query),
          causal_(rule.causal),
          key_padding_mask_(key_padding_mask),
          scores_(scratch),
          output_(scores_ + row_panels(keys_at_once)),
          query_(output_[row_panels(head.out)].sums[0]) {
        packed::pack_strided<tile_columns>(queries, head.width, 1, count, head.width, query_);
        for (std::int64_t i = 0; i < head.width * tile_columns; ++i) query_[i] *= rule.scale;
        std::fill_n(output_, row_panels(head.out), Tile{});
    }

    void run() {
        // Behind the last of these queries the causal mask leaves nothing; but a query all of whose
        // keys are masked has equal weights for all of them, so it goes over all.
        const std::int64_t last = causal_ && !key_padding_mask_
                                      ? std::min(head_.keys, first_query_ + count_)
                                      : head_.keys;
        for (std::int64_t key = 0; key < last; key += keys_at_once) {
            const std::int64_t keys = std::min(keys_at_once, head_.keys - key);
            score(key, keys);
            mask(key, keys);
            exponentiate(keys);
            accumulate(key, keys);
        }
    }

    /// The weighted sums of values, one row for each query.
    void write(float* y) const {
        float share[tile_columns];
        for (int lane = 0; lane < tile_columns; ++lane)
            share[lane] = 1.0f / sum_[lane / simd_width][lane % simd_width];
        for (std::int64_t d = 0; d < head_.out; ++d) {
            const float* row = output_[d / tile_rows].sums[d % tile_rows];
            for (int lane = 0; lane < count_; ++lane)
                y[lane * head_.out + d] = row[lane] * share[lane];
        }
    }

private:
    float* score_row(std::int64_t key) { return scores_[0].sums[0] + key * tile_columns; }

    /// scores [keys, queries] = K Q^T
    void score(std::int64_t first, std::int64_t keys) {
        for (std::int64_t i = 0; i < keys; i += tile_rows)
            packed::f32_kernels[PackedHead::rows_from(i, keys) - 1](
                head_.width, head_.k + (first + i) / tile_rows * row_panel * head_.width, query_,
                scores_[i / tile_rows]);
    }

    void mask(std::int64_t first, std::int64_t keys) {
        for (std::int64_t key = 0; key < keys; ++key) {
            const bool padding = key_padding_mask_ && !key_padding_mask_[first + key];
            // queries before it
            const std::int64_t earlier = causal_ ? first + key - first_query_ : 0;
            const std::int64_t masked =
                padding ? tile_columns : std::clamp<std::int64_t>(earlier, 0, tile_columns);
            std::fill_n(score_row(key), masked, masked_score);
        }
    }

    /// scores = exp(scores - largest so far); what was summed before is rescaled.
    void exponentiate(std::int64_t keys) {
        for (int half = 0; half < 2; ++half) {
            float* column = score_row(0) + half * simd_width;
            Floats largest = largest_[half];
            for (std::int64_t key = 0; key < keys; ++key) {
                const Floats s = load(column + key * tile_columns);
                largest = s > largest ? s : largest;
            }
            Floats sum = {};
            for (std::int64_t key = 0; key < keys; ++key) {
                const Floats e = exp(load(column + key * tile_columns) - largest);
                store(column + key * tile_columns, e);
                sum += e;
            }
            shrink_[half] = exp(largest_[half] - largest);
            sum_[half] = sum_[half] * shrink_[half] + sum;
            largest_[half] = largest;
        }
    }

    /// output [e, queries] = output * shrink + V^T scores
    void accumulate(std::int64_t first, std::int64_t keys) {
        for (std::int64_t i = 0; i < head_.out; i += tile_rows) {
            const int rows = PackedHead::rows_from(i, head_.out);
            Tile update;
            packed::f32_kernels[rows - 1](
                keys, head_.v + (i / tile_rows * head_.keys + first) * row_panel, score_row(0),
                update);
            Tile& sums = output_[i / tile_rows];
            for (int r = 0; r < rows; ++r)
                for (int half = 0; half < 2; ++half) {
                    float* to = sums.sums[r] + half * simd_width;
                    store(to, load(to) * shrink_[half] + load(update.sums[r] + half * simd_width));
                }
        }
    }

    const PackedHead& head_;
    int count_;
    std::int64_t first_query_;
    bool causal_;
    const std::int32_t* key_padding_mask_;
    Tile *scores_, *output_;
    // [d][queries]
    float* query_;
    Floats largest_[2] = {fill(-std::numeric_limits<float>::infinity()),
                          fill(-std::numeric_limits<float>::infinity())};
    Floats sum_[2] = {}, shrink_[2] = {};
};

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                 const ComputeContext& context) {
    const std::int64_t heads = q.dim(0) * q.dim(1), queries = q.dim(2), width = q.dim(3);
    const std::int64_t keys = k.dim(2), out = v.dim(3);
    Tensor y({q.dim(0), q.dim(1), queries, out});
    if (keys == 0) return Tensor::zeros(y.shape());
    context.add_flops(2.0 * heads * queries * keys * (width + out));

    const int threads = available_threads();
    const std::int64_t head_size = PackedHead::size(keys, width, out),
                       tiles = OnlineSoftmaxBlock::scratch_tiles(width, out);
    const std::shared_ptr<void> head_memory = allocate(heads * head_size * sizeof(float)),
                                scratch = allocate(threads * tiles * sizeof(Tile));
    const auto packed_head = [&](std::int64_t head) {
        return PackedHead(static_cast<float*>(head_memory.get()) + head * head_size, keys, width,
                          out);
    };
    parallel_tasks(heads, threads, [&](std::int64_t head, int) {
        packed_head(head).pack(k.data() + head * keys * width, v.data() + head * keys * out);
    });

    const std::int64_t blocks = (queries + queries_at_once - 1) / queries_at_once;
    parallel_tasks(heads * blocks, threads, [&](std::int64_t i, int thread) {
        const std::int64_t head = i / blocks, first = i % blocks * queries_at_once;
        const int count = static_cast<int>(std::min(queries_at_once, queries - first));
        const std::int32_t* key_padding_mask = rule.key_padding_mask_of(q, k, head);
        const PackedHead keys_and_values = packed_head(head);
        OnlineSoftmaxBlock block(keys_and_values, q.data() + (head * queries + first) * width,
                                 count, first, rule, key_padding_mask,
                                 static_cast<Tile*>(scratch.get()) + thread * tiles);
        block.run();
        block.write(y.data() + (head * queries + first) * out);
    });
    return y;
}

}  // namespace ldm::ops::cpu
