#pragma once

#include "common/ops/attention.h"
#include "common/ops/conv2d.h"

/// What the ops mean, written as the textbook writes it: one loop for each index, sums in double.
/// The fast versions are claims; the tests check them against these.

namespace ldm::ops::reference {

/// y[i, j] = sum over l of a[i, l] b[l, j]; a [m, k], b [k, n].
Tensor matmul(const Tensor& a, const Tensor& b);

/// See ops::conv2d.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options);

/// See ops::group_norm.
Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias, float eps);

/// See ops::layer_norm.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);

/// See ops::batch_norm.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);

/// See ops::nearest_row.
Tensor nearest_row(const Tensor& x, const Tensor& table);

/// See ops::scaled_dot_product_attention.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options);

}  // namespace ldm::ops::reference
