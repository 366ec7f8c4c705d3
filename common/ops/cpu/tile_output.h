#pragma once

#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/packed_gemm.h"

namespace ldm::ops::cpu::packed {

/// Brings finished tiles to the result, with the biases on the first block of k.
///
/// The result may be several matrices, one after the other in memory, whose columns count through:
/// the pictures of a batch.
class TileOutput {
public:
    /// `first` is the first matrix, the others follow `matrix_step` numbers apart.
    TileOutput(const MatrixOut& first, std::int64_t matrix_step, const Epilogue& epilogue)
        : c_(first), matrix_step_(matrix_step), epilogue_(epilogue) {}

    void operator()(const Tile& tile, std::int64_t row, int high, std::int64_t column, int wide,
                    bool first) const {
        for_each_run(column, wide, [&](float* to, std::int64_t in_matrix, int begin, int count) {
            const float* column_bias =
                epilogue_.column_bias ? epilogue_.column_bias + in_matrix : nullptr;
            for (int r = 0; r < high; ++r)
                write(tile.sums[r] + begin, to + (row + r) * c_.row_step, count, first,
                      epilogue_.row_bias ? epilogue_.row_bias + row + r : nullptr, column_bias);
        });
    }

    void prefetch(std::int64_t row, int high, std::int64_t column, int wide) const {
        for_each_run(column, wide, [&](float* to, std::int64_t, int, int count) {
            for (int r = 0; r < high; ++r) {
                __builtin_prefetch(to + (row + r) * c_.row_step, 1);
                __builtin_prefetch(to + (row + r) * c_.row_step + count - 1, 1);
            }
        });
    }

private:
    /// Calls visit(row 0 of the run, its column there, where it begins in the tile, its length).
    template <class Visit>
    void for_each_run(std::int64_t column, int wide, Visit visit) const {
        for (int begin = 0; begin < wide;) {
            const std::int64_t matrix = (column + begin) / c_.columns;
            const std::int64_t in_matrix = (column + begin) % c_.columns;
            const int count = std::min<std::int64_t>(wide - begin, c_.columns - in_matrix);
            visit(c_.data + matrix * matrix_step_ + in_matrix, in_matrix, begin, count);
            begin += count;
        }
    }

    void write(const float* sums, float* to, int count, bool first, const float* row_bias,
               const float* column_bias) const {
        if (first && !epilogue_.accumulate)
            for (int i = 0; i < count; ++i) to[i] = sums[i];
        else
            for (int i = 0; i < count; ++i) to[i] += sums[i];
        if (first && row_bias)
            for (int i = 0; i < count; ++i) to[i] += *row_bias;
        if (first && column_bias)
            for (int i = 0; i < count; ++i) to[i] += column_bias[i];
    }

    MatrixOut c_;
    std::int64_t matrix_step_;
    Epilogue epilogue_;
};

}  // namespace ldm::ops::cpu::packed
