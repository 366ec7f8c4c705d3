#include "chapters/09_training/optimizer/gradients.h"

#include <fmt/format.h>

#include <cmath>

#include "common/ops/elementwise.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/shape.h"

namespace ldm::train {

const Tensor& gradient_of(const Weights& gradients, const std::string& name) {
    const auto found = gradients.find(name);
    if (found == gradients.end()) throw Error(fmt::format("no gradient for the weight '{}'", name));
    return found->second;
}

Weights zeros_like(const Weights& weights) {
    Weights zeros;
    for (const auto& [name, w] : weights) zeros.emplace(name, ops::zeros_like(w));
    return zeros;
}

double gradient_norm(const Weights& gradients) {
    std::vector<Tensor> all;
    for (const auto& [name, g] : gradients) all.push_back(g);
    return std::sqrt(ops::sum_of_squares(all));
}

Weights clipped(const Weights& gradients, double norm, double max_norm) {
    expect(max_norm > 0.0, fmt::format("the largest norm is {}, expected more than 0", max_norm));
    const double factor = max_norm / (norm + 1e-6);
    if (factor >= 1.0) return gradients;
    Weights shorter;
    for (const auto& [name, g] : gradients)
        shorter.emplace(name, ops::scale(g, static_cast<float>(factor)));
    return shorter;
}

void accumulate(Weights& sum, const Weights& part, double share) {
    if (sum.empty()) sum = zeros_like(part);
    for (auto& [name, total] : sum) ops::add_into(total, 1.0, gradient_of(part, name), share);
}

std::optional<std::string> first_not_finite(const Weights& weights) {
    for (const auto& [name, w] : weights)
        if (w.dtype() == DType::f32 && !ops::all_finite(w)) return name;
    return std::nullopt;
}

}  // namespace ldm::train
