#pragma once

#include <string>

#include "common/tensor/tensor.h"

namespace ldm::train {

/// All of the difference between a trained weight and the one it began with, as LyCORIS writes it
/// for small layers, norms and biases: W' = W + difference, without alpha. In files: diff, and
/// diff_b for the bias; w_norm and b_norm of a norm.
struct FullDifference {
    Tensor difference;

    /// What is added to a weight of that shape.
    [[nodiscard]] Tensor change(const Shape& weight) const { return difference.reshape(weight); }

    /// Why it cannot be added to a weight of that shape, in words; empty if it can.
    [[nodiscard]] std::string misfit(const Shape& weight) const {
        const Shape& shape = difference.shape();
        if (shape == weight || (difference.rank() > 0 && !weight.empty() && shape[0] == weight[0] &&
                                difference.size() == element_count(weight)))
            return "";
        return "a difference " + to_string(shape) + " does not fit a weight " + to_string(weight);
    }
};

}  // namespace ldm::train
