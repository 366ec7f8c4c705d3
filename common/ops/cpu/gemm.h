#pragma once

#include <cstdint>

#include "common/ops/compute_context.h"

namespace ldm::ops::cpu {

/// A matrix to read: element (r, c) is data[r * row_step + c * column_step], so that a transposed
/// matrix is the same memory with the steps swapped.
struct MatrixIn {
    const float* data;
    std::int64_t rows, columns;
    std::int64_t row_step, column_step;

    MatrixIn transposed() const { return {data, columns, rows, column_step, row_step}; }
};

/// A matrix to write; its columns lie next to each other.
struct MatrixOut {
    float* data;
    std::int64_t rows, columns;
    std::int64_t row_step;
};

/// What happens to the product on its way to memory.
struct Epilogue {
    // C = C + A B instead of C = A B
    bool accumulate = false;
    // [rows], added to every element of a row
    const float* row_bias = nullptr;
    // [columns], added to every element of a column
    const float* column_bias = nullptr;
};

class PackedPanels;

/// C[m, n] = A[m, k] B[k, n] with the context's precision; sums are float32.
///
/// Runs on all OpenMP threads, or on one when called inside a parallel region. Every element of C
/// is summed in an order that depends on k alone: the answer depends neither on the number of
/// threads nor on m and n.
void gemm(MatrixIn a, MatrixIn b, MatrixOut c, const ComputeContext& context,
          Epilogue epilogue = {});

/// The same with a B that was packed before (PackedPanels::right), with B's precision and the same
/// bits.
void gemm(MatrixIn a, const PackedPanels& b, MatrixOut c, const ComputeContext& context,
          Epilogue epilogue = {});

/// Whether the first of them computes the transpose, for c has too few columns for a tile: then
/// there is no use in packing B before.
bool is_narrow(const MatrixOut& c);

}  // namespace ldm::ops::cpu
