#include "common/ops/cpu/gemm.h"

#include <vector>

#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_gemm.h"
#include "common/ops/cpu/packed_weight.h"
#include "common/ops/cpu/tile_output.h"

/// Matrix product by packing (cpu/packed_gemm.h): near the machine's peak, where the three loops of
/// the definition reach a hundredth of it.
namespace ldm::ops::cpu {
namespace {

auto packs_left(const MatrixIn& a) {
    return [&a](std::int64_t row, int rows, std::int64_t k, std::int64_t depth, float* to) {
        packed::pack_strided<packed::row_panel>(a.data + row * a.row_step + k * a.column_step,
                                                a.row_step, a.column_step, rows, depth, to);
        return to;
    };
}

void multiply(const MatrixIn& a, const MatrixIn& b, const MatrixOut& c, Precision precision,
              const Epilogue& epilogue) {
    const auto pack_b = [&](std::int64_t column, int columns, std::int64_t k, std::int64_t depth,
                            float* to) {
        packed::pack_strided<packed::tile_columns>(b.data + column * b.column_step + k * b.row_step,
                                                   b.column_step, b.row_step, columns, depth, to);
        return to;
    };
    packed::multiply(c.rows, c.columns, a.columns, precision, packs_left(a), pack_b,
                     packed::TileOutput(c, 0, epilogue));
}

/// A result of few columns would leave most lanes of the tile empty: computes its transpose.
void multiply_transposed(const MatrixIn& a, const MatrixIn& b, const MatrixOut& c,
                         Precision precision, const Epilogue& epilogue) {
    std::vector<float> turned(c.rows * c.columns);
    multiply(b.transposed(), a.transposed(), {turned.data(), c.columns, c.rows, c.rows}, precision,
             {});
    for (std::int64_t row = 0; row < c.rows; ++row)
        for (std::int64_t column = 0; column < c.columns; ++column) {
            float& to = c.data[row * c.row_step + column];
            to = turned[column * c.rows + row] + (epilogue.accumulate ? to : 0.0f);
            if (epilogue.row_bias) to += epilogue.row_bias[row];
            if (epilogue.column_bias) to += epilogue.column_bias[column];
        }
}

}  // namespace

bool is_narrow(const MatrixOut& c) { return c.columns < simd_width && c.rows > c.columns; }

void gemm(MatrixIn a, MatrixIn b, MatrixOut c, const ComputeContext& context, Epilogue epilogue) {
    context.add_flops(2.0 * c.rows * c.columns * a.columns);
    (is_narrow(c) ? multiply_transposed : multiply)(a, b, c, context.precision_on(Device::cpu),
                                                    epilogue);
}

void gemm(MatrixIn a, const PackedPanels& b, MatrixOut c, const ComputeContext& context,
          Epilogue epilogue) {
    context.add_flops(2.0 * c.rows * c.columns * a.columns);
    const auto packed_b = [&b](std::int64_t column, int, std::int64_t k, std::int64_t, float*) {
        return b.at(column / packed::tile_columns, k);
    };
    packed::multiply(c.rows, c.columns, a.columns, b.precision(), packs_left(a), packed_b,
                     packed::TileOutput(c, 0, epilogue));
}

}  // namespace ldm::ops::cpu
