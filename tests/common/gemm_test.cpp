#include "common/ops/cpu/gemm.h"

#include <omp.h>

#include <cmath>
#include <random>
#include <vector>

#include "common/io/half.h"
#include "common/ops/precision.h"
#include "tests/support/catch.h"

using ldm::ops::cpu::Epilogue;
using ldm::ops::cpu::gemm;
using ldm::ops::cpu::MatrixIn;

namespace {

/// A matrix of random numbers in memory that is larger than it: rows `gap` numbers further apart
/// than they need to be, or the columns if it is stored by columns.
struct Stored {
    std::vector<float> numbers;
    MatrixIn matrix;

    Stored(std::int64_t rows, std::int64_t columns, bool by_columns, int gap, unsigned seed)
        : numbers((rows + gap) * (columns + gap)) {
        std::mt19937 bits(seed);
        std::normal_distribution<float> normal;
        for (float& number : numbers) number = normal(bits);
        matrix = {numbers.data(), rows, columns, by_columns ? 1 : columns + gap,
                  by_columns ? rows + gap : 1};
    }
};

float at(const MatrixIn& m, std::int64_t row, std::int64_t column) {
    return m.data[row * m.row_step + column * m.column_step];
}

std::vector<float> product(const MatrixIn& a, const MatrixIn& b, Epilogue epilogue = {}) {
    std::vector<float> c(a.rows * b.columns, 1.0f);
    gemm(a, b, {c.data(), a.rows, b.columns, b.columns}, ldm::ops::compute_context(), epilogue);
    return c;
}

/// The definition, in double: every sum, and beside it the sum of magnitudes that bounds its error.
void require_product(const std::vector<float>& c, const MatrixIn& a, const MatrixIn& b,
                     Epilogue epilogue = {}) {
    for (std::int64_t i = 0; i < a.rows; ++i)
        for (std::int64_t j = 0; j < b.columns; ++j) {
            double sum = epilogue.accumulate ? 1.0 : 0.0, magnitude = 1.0;
            if (epilogue.row_bias) sum += epilogue.row_bias[i];
            if (epilogue.column_bias) sum += epilogue.column_bias[j];
            for (std::int64_t k = 0; k < a.columns; ++k) {
                const double term = double(at(a, i, k)) * at(b, k, j);
                sum += term;
                magnitude += std::abs(term);
            }
            const double error = std::abs(c[i * b.columns + j] - sum);
            // also for NaN
            if (!(error <= 2e-6 * magnitude)) {
                CAPTURE(a.rows, a.columns, b.columns, i, j, sum, c[i * b.columns + j]);
                FAIL("wrong product");
            }
        }
}

}  // namespace

TEST_CASE("gemm is the matrix product for all shapes, strides and transposes") {
    struct Size {
        std::int64_t m, k, n;
    };
    const auto [m, k, n] = GENERATE(values<Size>({{1, 1, 1},
                                                  {1, 7, 40},
                                                  {3, 5, 2},
                                                  {13, 31, 15},
                                                  {14, 16, 32},
                                                  {15, 17, 33},
                                                  {28, 64, 64},
                                                  {29, 100, 65},
                                                  {77, 768, 50},
                                                  {200, 3, 7},
                                                  {5, 513, 31},
                                                  {1, 1100, 1},
                                                  {240, 20, 530},
                                                  {31, 1025, 90},
                                                  {4, 36, 1000},
                                                  {500, 9, 16},
                                                  {6, 0, 6},
                                                  {0, 4, 4},
                                                  {4, 4, 0}}));
    const bool a_by_columns = GENERATE(false, true), b_by_columns = GENERATE(false, true);
    const int gap = GENERATE(0, 3);
    const Stored a(m, k, a_by_columns, gap, 1), b(k, n, b_by_columns, gap, 2);
    require_product(product(a.matrix, b.matrix), a.matrix, b.matrix);
}

TEST_CASE("gemm reads a matrix of which neither rows nor columns are contiguous") {
    const Stored a(40, 120, false, 0, 1), b(120, 66, false, 0, 2);
    MatrixIn every_second = a.matrix, every_third = b.matrix;
    every_second.columns = 60, every_second.column_step = 2;
    every_third.rows = 60, every_third.columns = 22, every_third.column_step = 3;
    require_product(product(every_second, every_third), every_second, every_third);
}

TEST_CASE("gemm adds biases and accumulates") {
    const bool accumulate = GENERATE(false, true);
    const std::int64_t n = GENERATE(5, 70);
    const Stored a(37, 600, false, 0, 1), b(600, n, true, 0, 2), rows(1, 37, false, 0, 3),
        columns(1, n, false, 0, 4);
    const Epilogue epilogue{accumulate, rows.numbers.data(), columns.numbers.data()};
    require_product(product(a.matrix, b.matrix, epilogue), a.matrix, b.matrix, epilogue);
}

TEST_CASE("gemm leaves what lies between the rows of the result alone") {
    const Stored a(20, 8, false, 0, 1), b(8, 10, false, 0, 2);
    std::vector<float> c(20 * 16, -7.0f);
    gemm(a.matrix, b.matrix, {c.data(), 20, 10, 16}, {});
    for (int row = 0; row < 20; ++row)
        for (int column = 10; column < 16; ++column) REQUIRE(c[row * 16 + column] == -7.0f);
}

TEST_CASE("gemm gives the same bits on any number of threads, and inside a parallel region") {
    const Stored a(150, 700, false, 0, 1), b(700, 333, true, 0, 2);
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const std::vector<float> alone = product(a.matrix, b.matrix);
    for (int count : {2, 3, 5}) {
        omp_set_num_threads(count);
        REQUIRE(product(a.matrix, b.matrix) == alone);
    }
    std::vector<float> inside;
#pragma omp parallel
#pragma omp single
    inside = product(a.matrix, b.matrix);
    omp_set_num_threads(threads);
    REQUIRE(inside == alone);
}

TEST_CASE("gemm gives an element the same bits whatever else is in the matrix") {
    const Stored a(60, 900, false, 0, 1), b(900, 100, true, 0, 2);
    const std::vector<float> whole = product(a.matrix, b.matrix);
    const std::int64_t row = 57, column = 83;
    MatrixIn one_row = a.matrix, one_column = b.matrix, three_columns = b.matrix;
    one_row.data += row * one_row.row_step, one_row.rows = 1;
    one_column.data += column * one_column.column_step, one_column.columns = 1;
    three_columns.data += column * three_columns.column_step, three_columns.columns = 3;
    REQUIRE(product(one_row, b.matrix)[column] == whole[row * 100 + column]);
    REQUIRE(product(a.matrix, one_column)[row] == whole[row * 100 + column]);
    REQUIRE(product(a.matrix, three_columns)[row * 3] == whole[row * 100 + column]);
}

TEST_CASE("gemm lets NaN and infinity through") {
    Stored a(20, 30, false, 0, 1);
    const Stored b(30, 40, false, 0, 2);
    a.numbers[3 * 30 + 4] = NAN;
    const std::vector<float> c = product(a.matrix, b.matrix);
    for (int i = 0; i < 20; ++i)
        for (int j = 0; j < 40; ++j) REQUIRE(std::isnan(c[i * 40 + j]) == (i == 3));
}

TEST_CASE("gemm in bf16 is the product of the rounded matrices, summed in float32") {
    if (!ldm::ops::has_bf16_products()) {
        WARN("not tested: this processor has no products of bfloat16");
        return;
    }
    struct Size {
        std::int64_t m, k, n;
    };
    const auto [m, k, n] = GENERATE(values<Size>({{1, 1, 1},
                                                  {1, 7, 40},
                                                  {13, 31, 15},
                                                  {14, 16, 32},
                                                  {15, 17, 33},
                                                  {77, 768, 50},
                                                  {200, 3, 7},
                                                  {5, 513, 31},
                                                  {240, 20, 530},
                                                  {31, 1025, 90},
                                                  {6, 0, 6}}));
    const bool a_by_columns = GENERATE(false, true), b_by_columns = GENERATE(false, true);
    Stored a(m, k, a_by_columns, 3, 1), b(k, n, b_by_columns, 0, 2);
    std::vector<float> c;
    {
        const ldm::ops::WithPrecision fast(ldm::ops::Precision::bf16);
        c = product(a.matrix, b.matrix);
    }
    for (Stored* stored : {&a, &b})
        for (float& number : stored->numbers)
            number = ldm::io::bfloat16_to_float(ldm::io::float_to_bfloat16(number));
    require_product(c, a.matrix, b.matrix);
    CHECK(ldm::ops::precision(ldm::Device::cpu) == ldm::ops::Precision::f32);
}
