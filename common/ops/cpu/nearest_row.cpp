#include "common/ops/cpu/nearest_row.h"

#include <vector>

#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/parallel.h"

/// All distances at once would be P x R numbers, gigabytes for a large codebook; here a few rows of
/// x meet the whole table, and only their choice stays.
namespace ldm::ops::cpu {
namespace {

std::vector<float> squared_lengths(const Tensor& x) {
    const auto [rows, width] = x.dims<2>();
    std::vector<float> lengths(rows);
    for (std::int64_t r = 0; r < rows; ++r) {
        float sum = 0.0f;
        for (std::int64_t i = 0; i < width; ++i)
            sum += x.data()[r * width + i] * x.data()[r * width + i];
        lengths[r] = sum;
    }
    return lengths;
}

}  // namespace

Tensor nearest_row(const Tensor& x, const Tensor& table, const ComputeContext& context) {
    const auto [points, width] = x.dims<2>();
    const std::int64_t rows = table.dim(0);
    const std::vector<float> x_length = squared_lengths(x), table_length = squared_lengths(table);
    const MatrixIn codes{table.data(), rows, width, width, 1};
    Tensor nearest({points}, DType::i32);
    constexpr std::int64_t at_once = 32;
    parallel_for(points, at_once, [&, width = width](std::int64_t begin, std::int64_t end) {
        std::vector<float> products((end - begin) * rows);
        gemm({x.data() + begin * width, end - begin, width, width, 1}, codes.transposed(),
             {products.data(), end - begin, rows, rows}, context);
        for (std::int64_t p = begin; p < end; ++p) {
            const float* product = products.data() + (p - begin) * rows;
            std::int32_t best = 0;
            float least = x_length[p] + table_length[0] - 2.0f * product[0];
            for (std::int64_t r = 1; r < rows; ++r) {
                const float distance = x_length[p] + table_length[r] - 2.0f * product[r];
                if (distance < least) {
                    least = distance;
                    best = static_cast<std::int32_t>(r);
                }
            }
            nearest.ints()[p] = best;
        }
    });
    return nearest;
}

}  // namespace ldm::ops::cpu
