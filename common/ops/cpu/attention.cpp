#include "common/ops/cpu/attention.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_gemm.h"
#include "common/ops/cpu/vector_math.h"
#include "common/ops/work.h"

/// Attention without the matrix of scores. The definition writes all N x M of them to memory, takes
/// the softmax and reads them again. Here a few queries go over the keys block by block with the
/// online softmax of Milakov & Gimelshein (2018), as in FlashAttention (Dao et al., 2022): they
/// keep the largest score so far, the sum of exponentials and the mixture relative to
/// it, and whenever the largest grows, what was gathered shrinks by the same factor.
///
/// Everything is computed transposed: scores = K Q^T has a column for each query, one lane of a
/// register. The softmax then never works across lanes, and the exponentials lie in memory just as
/// the second product, V^T times them, wants its right side packed (cpu/packed_gemm.h).
namespace ldm::ops::cpu {
namespace {

using packed::row_panel;
using packed::Tile;
using packed::tile_columns;
using packed::tile_rows;

constexpr std::int64_t queries_at_once = tile_columns;
constexpr std::int64_t keys_at_once = 256 / tile_rows * tile_rows;

std::int64_t panels(std::int64_t rows) { return (rows + tile_rows - 1) / tile_rows; }

/// Keys and values of one head as left sides of the two products: K [keys, d] and V^T [e, keys].
struct PackedHead {
    std::int64_t keys, width, out;
    std::vector<float> k, v;

    PackedHead(const float* k_rows, const float* v_rows, std::int64_t keys, std::int64_t width,
               std::int64_t out)
        : keys(keys),
          width(width),
          out(out),
          k(panels(keys) * row_panel * width),
          v(panels(out) * row_panel * keys) {
        for (std::int64_t i = 0; i < keys; i += tile_rows)
            packed::pack_strided<row_panel>(k_rows + i * width, width, 1, rows_from(i, keys), width,
                                            k.data() + i / tile_rows * row_panel * width);
        for (std::int64_t i = 0; i < out; i += tile_rows)
            packed::pack_strided<row_panel>(v_rows + i, 1, out, rows_from(i, out), keys,
                                            v.data() + i / tile_rows * row_panel * keys);
    }

    static int rows_from(std::int64_t i, std::int64_t count) {
        return static_cast<int>(std::min<std::int64_t>(tile_rows, count - i));
    }
};

/// A few queries and the keys of one head, block by block. A pair of registers holds one number for
/// each query.
class OnlineSoftmaxBlock {
public:
    OnlineSoftmaxBlock(const PackedHead& head, const float* queries, int count,
                       std::int64_t first_query, const AttentionRule& rule,
                       const std::int32_t* key_padding_mask)
        : head_(head),
          count_(count),
          first_query_(first_query),
          causal_(rule.causal),
          keep_(key_padding_mask),
          query_(head.width * tile_columns),
          scores_(panels(keys_at_once)),
          mixture_(panels(head.out)) {
        packed::pack_strided<tile_columns>(queries, head.width, 1, count, head.width,
                                           query_.data());
        for (float& q : query_) q *= rule.scale;
        for (Tile& tile : mixture_) tile = {};
    }

    void run() {
        // With causal attention no query of these looks beyond the last one; but where
        // `key_padding_mask` may hide everything from a query, it needs to have seen all keys.
        const std::int64_t last =
            causal_ && !keep_ ? std::min(head_.keys, first_query_ + count_) : head_.keys;
        for (std::int64_t key = 0; key < last; key += keys_at_once) {
            const std::int64_t keys = std::min(keys_at_once, head_.keys - key);
            score(key, keys);
            hide(key, keys);
            weigh(keys);
            mix(key, keys);
        }
    }

    /// The mixtures, one row for each query.
    void write(float* y) const {
        float share[tile_columns];
        for (int lane = 0; lane < tile_columns; ++lane)
            share[lane] = 1.0f / sum_[lane / simd_width][lane % simd_width];
        for (std::int64_t d = 0; d < head_.out; ++d) {
            const float* row = mixture_[d / tile_rows].sums[d % tile_rows];
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
                head_.width, head_.k.data() + (first + i) / tile_rows * row_panel * head_.width,
                query_.data(), scores_[i / tile_rows]);
    }

    void hide(std::int64_t first, std::int64_t keys) {
        for (std::int64_t key = 0; key < keys; ++key) {
            const bool from_all = keep_ && !keep_[first + key];
            // queries before it
            const std::int64_t from = causal_ ? first + key - first_query_ : 0;
            const std::int64_t hidden =
                from_all ? tile_columns : std::clamp<std::int64_t>(from, 0, tile_columns);
            std::fill_n(score_row(key), hidden, masked_score);
        }
    }

    /// scores = exp(scores - largest so far); what was gathered before shrinks.
    void weigh(std::int64_t keys) {
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

    /// mixture [e, queries] = mixture * shrink + V^T scores
    void mix(std::int64_t first, std::int64_t keys) {
        for (std::int64_t i = 0; i < head_.out; i += tile_rows) {
            const int rows = PackedHead::rows_from(i, head_.out);
            Tile update;
            packed::f32_kernels[rows - 1](
                keys, head_.v.data() + (i / tile_rows * head_.keys + first) * row_panel,
                score_row(0), update);
            Tile& sums = mixture_[i / tile_rows];
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
    const std::int32_t* keep_;
    std::vector<float> query_;
    std::vector<Tile> scores_, mixture_;
    Floats largest_[2] = {fill(-std::numeric_limits<float>::infinity()),
                          fill(-std::numeric_limits<float>::infinity())};
    Floats sum_[2] = {}, shrink_[2] = {};
};

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule) {
    const std::int64_t heads = q.dim(0) * q.dim(1), queries = q.dim(2), width = q.dim(3);
    const std::int64_t keys = k.dim(2), out = v.dim(3);
    Tensor y({q.dim(0), q.dim(1), queries, out});
    if (keys == 0) return Tensor::zeros(y.shape());
    add_work(2.0 * heads * queries * keys * (width + out));

    std::vector<std::unique_ptr<PackedHead>> packed(heads);
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t head = 0; head < heads; ++head)
        packed[head] = std::make_unique<PackedHead>(k.data() + head * keys * width,
                                                    v.data() + head * keys * out, keys, width, out);

    const std::int64_t blocks = (queries + queries_at_once - 1) / queries_at_once;
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < heads * blocks; ++i) {
        const std::int64_t head = i / blocks, first = i % blocks * queries_at_once;
        const int count = static_cast<int>(std::min(queries_at_once, queries - first));
        const std::int32_t* key_padding_mask = rule.key_padding_mask_of(q, k, head);
        OnlineSoftmaxBlock block(*packed[head], q.data() + (head * queries + first) * width, count,
                                 first, rule, key_padding_mask);
        block.run();
        block.write(y.data() + (head * queries + first) * out);
    }
    return y;
}

}  // namespace ldm::ops::cpu
