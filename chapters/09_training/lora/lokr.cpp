#include "chapters/09_training/lora/lokr.h"

#include <fmt/format.h>

#include "common/ops/elementwise.h"

namespace ldm::train {
namespace {

Tensor matrix_of(const Lokr::Factor& factor) {
    const auto* product = std::get_if<LowRankProduct>(&factor);
    return product ? product->product() : std::get<Tensor>(factor);
}

Shape shape_of(const Lokr::Factor& factor) {
    const auto* product = std::get_if<LowRankProduct>(&factor);
    return product ? product->shape() : std::get<Tensor>(factor).shape();
}

/// Empty if the factor is a matrix, or a kernel with two axes or more.
std::string trouble_of(const Lokr::Factor& factor) {
    if (const auto* product = std::get_if<LowRankProduct>(&factor)) return product->trouble();
    const Tensor& whole = std::get<Tensor>(factor);
    if (whole.rank() >= 2 && whole.size() > 0) return "";
    return fmt::format("factor {} is no matrix", to_string(whole.shape()));
}

}  // namespace

std::int64_t Lokr::rank() const {
    for (const Factor* factor : {&w1, &w2})
        if (const auto* product = std::get_if<LowRankProduct>(factor)) return product->rank();
    return 1;
}

float Lokr::scale() const {
    const bool whole = std::holds_alternative<Tensor>(w1) && std::holds_alternative<Tensor>(w2);
    return whole ? 1.0f : alpha / static_cast<float>(rank());
}

//! [change]
Tensor Lokr::change(const Shape& weight) const {
    const Tensor x = matrix_of(w1), y = matrix_of(w2);
    const Tensor blocks = x.reshape({x.dim(0), 1, x.dim(1), 1}) *  // [a, 1, b, 1]
                          y.reshape({1, y.dim(0), 1, -1});         // [1, c, 1, d k k]
    return (scale() * blocks).reshape(weight);                     // [a c, b d, k, k]
}
//! [change]

std::string Lokr::misfit(const Shape& weight) const {
    for (const Factor* factor : {&w1, &w2})
        if (std::string trouble = trouble_of(*factor); !trouble.empty())
            return "a LoKr's " + trouble;
    const Shape x = shape_of(w1), y = shape_of(w2);
    // [a c, b d, k, k]; where the kernel is flattened, [a c, b d k k]
    Shape whole = y;
    whole[0] = element_count({x[0], y[0]}), whole[1] = element_count({x[1], y[1]});
    if (element_count(x) == x[0] * x[1] && fits(whole, weight)) return "";
    return fmt::format("a LoKr of {} and {} does not fit a weight {}", to_string(x), to_string(y),
                       to_string(weight));
}

}  // namespace ldm::train
