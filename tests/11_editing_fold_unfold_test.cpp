#include <algorithm>

#include "chapters/11_editing/fold_unfold.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::editing;
using test::close;
using test::has_text;
using test::noise;

namespace {

Tensor identity(const Tensor& crop) { return crop; }

/// A picture whose pixel (y, x) is y + 100 x: a crop says where it is from.
Tensor coordinates(std::int64_t height, std::int64_t width) {
    Tensor x({1, 1, height, width});
    for (std::int64_t row = 0; row < height; ++row)
        for (std::int64_t column = 0; column < width; ++column)
            x.data()[row * width + column] = static_cast<float>(row + 100 * column);
    return x;
}

/// The share that each crop has in the result, summed over all crops.
Tensor sum_of_shares(const FoldUnfold& grid, Size kernel) {
    Tensor sum = Tensor::zeros(grid.normalization().shape());
    for (int i = 0; i < grid.crops(); ++i)
        grid.add_weighted(sum, Tensor::full({1, 1, kernel.height, kernel.width}, 1.0f), i);
    return sum / grid.normalization();
}

}  // namespace

TEST_CASE("delta_border is the distance to the nearest edge as a share of the side") {
    const Tensor expected =
        Tensor::from({3, 5}, {0, 0, 0, 0, 0, 0, 0.25f, 0.5f, 0.25f, 0, 0, 0, 0, 0, 0});
    CHECK(close(delta_border({3, 5}), expected, 0) == "");
    // it is the same from all sides
    const Tensor d = delta_border({6, 9});
    for (std::int64_t y = 0; y < 6; ++y)
        for (std::int64_t x = 0; x < 9; ++x) {
            CHECK(d.data()[y * 9 + x] == Approx(d.data()[(5 - y) * 9 + x]));
            CHECK(d.data()[y * 9 + x] == Approx(d.data()[y * 9 + 8 - x]));
        }
    CHECK(close(delta_border({1, 3}), Tensor::from({1, 3}, {0, 0.5f, 0}), 0) == "");
    CHECK(close(delta_border({1, 1}), Tensor::from({1, 1}, {0.5f}), 0) == "");
}

TEST_CASE("the weights of all crops are a partition of unity") {
    for (const bool tie : {false, true})
        for (const Size kernel : {Size{4, 4}, Size{5, 3}, Size{7, 10}, Size{1, 1}})
            for (const Size stride : {Size{1, 1}, Size{2, 3}, kernel}) {
                if (stride.height > kernel.height || stride.width > kernel.width) continue;
                const FoldUnfold grid({11, 10}, {kernel, stride, {.tie_braker = tie}});
                CHECK(close(sum_of_shares(grid, kernel), Tensor::full({1, 1, 11, 10}, 1.0f),
                            2e-7) == "");
            }
}

TEST_CASE("crops stand row by row at the stride, and the last ends at the edge") {
    const Tensor x = coordinates(11, 7);
    // 11 - 4 is no multiple of 3, 7 - 4 is
    const FoldUnfold grid({11, 7}, {{4, 4}, {3, 3}});
    std::vector<float> corners;
    for (int i = 0; i < grid.crops(); ++i) {
        const Tensor crop = grid.crop(x, i);
        CHECK(crop.shape() == Shape{1, 1, 4, 4});
        CHECK(crop.data()[15] == crop.data()[0] + 303);
        corners.push_back(crop.data()[0]);
    }
    CHECK(corners == std::vector<float>{0, 300, 3, 303, 6, 306, 7, 307});
}

TEST_CASE("a blend of crops that nobody changed is the picture") {
    const Tensor x = noise({2, 3, 13, 10}, 1);
    for (const Size kernel : {Size{4, 4}, Size{5, 3}, Size{13, 10}, Size{64, 64}})
        for (const bool tie : {false, true})
            CHECK(close(apply_patchwise(identity, x, {kernel, {3, 2}, {.tie_braker = tie}}), x,
                        1e-6) == "");
}

TEST_CASE("where crops disagree, each counts by its weight") {
    // two crops of 1 x 3 that share their last and first pixel, and give 1 and 3
    int calls = 0;
    const auto count = [&](const Tensor& crop) {
        ++calls;
        return Tensor::full(crop.shape(), static_cast<float>(2 * calls - 1));
    };
    const Tensor y = apply_patchwise(count, Tensor::zeros({1, 1, 1, 5}), {{1, 3}, {1, 2}});
    CHECK(calls == 2);
    CHECK(close(y, Tensor::from({1, 1, 1, 5}, {1, 1, 2, 3, 3}), 1e-6) == "");

    // with overlap the weights rise from the border of a crop to its middle: 0.01, 1/3, 1/3, 0.01
    calls = 0;
    const Tensor z = apply_patchwise(count, Tensor::zeros({1, 1, 1, 6}), {{1, 4}, {1, 2}});
    const float share = (1.0f / 3 * 1 + 0.01f * 3) / (1.0f / 3 + 0.01f);
    CHECK(close(z, Tensor::from({1, 1, 1, 6}, {1, 1, share, 4 - share, 3, 3}), 1e-6) == "");
}

TEST_CASE("what becomes of a crop may be larger or smaller than the crop") {
    const Tensor x = noise({1, 2, 10, 7}, 3);
    const auto twice = [](const Tensor& crop) {
        return ops::broadcast_to(crop.reshape({1, 2, crop.dim(2), 1, crop.dim(3), 1}),
                                 {1, 2, crop.dim(2), 2, crop.dim(3), 2})
            .reshape({1, 2, 2 * crop.dim(2), 2 * crop.dim(3)});
    };
    const Tensor large = apply_patchwise(twice, x, {.kernel = {4, 5}, .stride = {3, 2}, .uf = 2});
    CHECK(close(large, twice(x), 1e-6) == "");

    const auto corners = [](const Tensor& crop) {
        const auto [n, c, h, w] = crop.dims<4>();
        const Tensor squares = crop.reshape({n, c, h / 2, 2, w / 2, 2});
        return ops::slice(ops::slice(squares, 3, 0, 1), 5, 0, 1).reshape({n, c, h / 2, w / 2});
    };
    const Tensor small =
        apply_patchwise(corners, large, {.kernel = {8, 6}, .stride = {4, 2}, .df = 2});
    CHECK(close(small, x, 1e-6) == "");
}

TEST_CASE("a network in patches gets its time with every crop") {
    const ddpm::Denoiser network = [](const Tensor& x, const Tensor& t) {
        return 0.5f * x + t.reshape({-1, 1, 1, 1});
    };
    const Tensor x = noise({2, 4, 9, 9}, 5), t = Tensor::from({2}, {3.0f, 70.0f});
    const ddpm::Denoiser patches = patchwise(network, {{4, 4}, {2, 2}});
    CHECK(close(patches(x, t), network(x, t), 2e-5) == "");
}

TEST_CASE("a network sees a crop and nothing beyond it") {
    std::int64_t largest = 0;
    const auto watch = [&](const Tensor& crop) {
        largest = std::max(largest, crop.size());
        return crop;
    };
    static_cast<void>(apply_patchwise(watch, Tensor::zeros({1, 1, 50, 60}), {{8, 8}, {4, 4}}));
    CHECK(largest == 64);
}

TEST_CASE("crops that cannot be are one clear line") {
    CHECK_THROWS_WITH(FoldUnfold({8, 8}, {{9, 4}, {2, 2}}),
                      has_text("crops of 9x4 do not fit into 8x8; choose a smaller kernel"));
    CHECK_THROWS_WITH(FoldUnfold({8, 8}, {{4, 4}, {5, 4}}), has_text("leaves gaps"));
    CHECK_THROWS_WITH(FoldUnfold({8, 8}, {{4, 4}, {0, 4}}), has_text("at least 1"));
    CHECK_THROWS_WITH(FoldUnfold({8, 8}, {.kernel = {4, 4}, .stride = {3, 3}, .df = 2}),
                      has_text("3 is not one of 2"));
    CHECK_THROWS_WITH(FoldUnfold({8, 8}, {.kernel = {4, 4}, .stride = {2, 2}, .uf = 2, .df = 2}),
                      has_text("one must be 1"));
    const auto larger = [](const Tensor& crop) {
        return Tensor::zeros({1, 1, crop.dim(2) + 1, crop.dim(3)});
    };
    CHECK_THROWS_AS(apply_patchwise(larger, Tensor::zeros({1, 1, 8, 8}), {{4, 4}, {2, 2}}), Error);
}
