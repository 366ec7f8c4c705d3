#pragma once

#include "common/tensor/tensor.h"

namespace ldm::vae {

/// A distribution that is always the same value: what an encoder without a variance answers with,
/// for code that expects a posterior (DiracDistribution in ldm's distributions.py).
class DiracDistribution {
public:
    explicit DiracDistribution(const Tensor& value) : value_(value) {}

    /// The value, whatever the noise.
    const Tensor& sample(const Tensor& /*noise*/ = {}) const { return value_; }
    const Tensor& mode() const { return value_; }

private:
    Tensor value_;
};

}  // namespace ldm::vae
