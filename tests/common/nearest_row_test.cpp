#include "common/ops/nearest_row.h"

#include <omp.h>

#include <algorithm>

#include "common/ops/reference/reference.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::noise;

namespace {

std::vector<std::int32_t> rows(const Tensor& indices) {
    return {indices.ints(), indices.ints() + indices.size()};
}

}  // namespace

TEST_CASE("the nearest row is the nearest by its definition") {
    const auto [points, width, count] = GENERATE(
        table<int, int, int>({{1, 1, 1}, {5, 3, 2}, {33, 4, 700}, {100, 17, 40}, {257, 3, 9}}));
    const Tensor x = noise({points, width}, 1), table = noise({count, width}, 2);
    CHECK(rows(ops::nearest_row(x, table)) == rows(ops::reference::nearest_row(x, table)));
}

TEST_CASE("of rows that are equally near the first is taken") {
    const Tensor table = Tensor::from({4, 2}, {9, 9, 1, 0, 0, 1, 1, 0});
    CHECK(rows(ops::nearest_row(Tensor::from({2, 2}, {1, 0, 0.5, 0.5}), table)) ==
          std::vector<std::int32_t>{1, 1});
}

TEST_CASE("the nearest row does not depend on the number of threads") {
    const Tensor x = noise({300, 4}, 1), table = noise({500, 4}, 2);
    const int usual = omp_get_max_threads();
    omp_set_num_threads(1);
    const auto alone = rows(ops::nearest_row(x, table));
    omp_set_num_threads(3);
    const auto together = rows(ops::nearest_row(x, table));
    omp_set_num_threads(usual);
    CHECK(alone == together);
}

TEST_CASE("rows of another width are an error") {
    CHECK_THROWS_WITH(ops::nearest_row(noise({2, 3}, 1), noise({5, 4}, 2)),
                      test::has_text("expected [5, 3], got [5, 4]"));
    CHECK_THROWS_AS(ops::nearest_row(noise({2, 3}, 1), Tensor({0, 3})), Error);
}
