#include "chapters/12_conditioners/retrieval/exact_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "common/error.h"
#include "common/ops/embedding.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"

namespace ldm::conditioners {

//! [search]
Neighbours nearest_neighbours(const Tensor& database, const Tensor& queries, std::int64_t k) {
    const auto [n, width] = database.dims<2>();
    const std::int64_t count = queries.dim(0);
    expect_shape(queries, {count, width});
    if (k < 1 || k > n)
        throw Error(fmt::format("{} neighbours were asked for, of {} vectors there are", k, n));
    const Tensor vectors = ops::normalize(database);
    // of vectors of length 1 the product is the cosine
    const Tensor cosines = ops::linear(ops::normalize(queries), vectors);  // [m, n]

    std::vector<std::int32_t> ids, order(n);
    std::vector<float> similarities;
    for (std::int64_t i = 0; i < count; ++i) {
        const float* row = cosines.data() + i * n;
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(),
                          [row](std::int32_t a, std::int32_t b) {
                              return row[a] != row[b] ? row[a] > row[b] : a < b;
                          });
        for (std::int64_t j = 0; j < k; ++j) {
            ids.push_back(order[j]);
            similarities.push_back(row[order[j]]);
        }
    }
    const Tensor best = Tensor::ints({count, k}, ids);
    return {best, Tensor::from({count, k}, similarities), ops::embedding(best, vectors)};
}
//! [search]

}  // namespace ldm::conditioners
