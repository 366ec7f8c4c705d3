#pragma once

#include "common/nn/params.h"
#include "common/nn/weight.h"
#include "common/ops/conv2d.h"

/// Layers: a function of tensors together with the weights it uses. Each reads its weights from the
/// prefix under which upstream keeps them; missing ones are reported by Checkpoint::check(). Each
/// leaves its output on the Trace in scope.

namespace ldm::nn {

enum class Bias { yes, no };

/// y = x W^T + b; x [..., in] -> [..., out]. Keys weight [out, in], bias [out]; no b with Bias::no.
/// Throws an Error if the last axis of x is not `in`.
class Linear {
public:
    Linear(const Params& weights, std::int64_t in, std::int64_t out, Bias bias = Bias::yes);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    Weight weight_;
    Tensor bias_;
};

struct Conv2dShape {
    int kernel = 3;
    int stride = 1;
    ops::Padding padding = ops::Padding::all(1);
    Bias bias = Bias::yes;
};

/// A 1x1 convolution: a linear layer on the channels of each pixel.
inline constexpr Conv2dShape pointwise{.kernel = 1, .padding = {}};

/// x [N, in, H, W] -> [N, out, H', W'], H' = (H + top + bottom - kernel) / stride + 1, rounded
/// down, and W' alike. Keys weight [out, in, kernel, kernel], bias [out]; no bias with Bias::no.
/// Throws an Error if x does not have `in` channels or is smaller than the kernel.
class Conv2d {
public:
    Conv2d(const Params& weights, std::int64_t in, std::int64_t out, Conv2dShape shape = {});
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    ops::Conv2dOptions options_;
    Weight weight_;
    Tensor bias_;
};

/// Wu and He (2018): x [N, channels, ...] -> the same shape. Keys weight, bias [channels]. eps:
/// 1e-5 in ResBlocks, 1e-6 in the VAE and the SpatialTransformer. Throws an Error if `groups` does
/// not divide `channels`.
class GroupNorm {
public:
    GroupNorm(const Params& weights, std::int64_t channels, float eps, int groups = 32);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

    /// silu of the normalized x, in one pass unless a Trace records the normalized x.
    [[nodiscard]] Tensor then_silu(const Tensor& x) const;

    // for those who normalize by statistics of their own
    int groups() const { return groups_; }
    float eps() const { return eps_; }
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }

private:
    std::string path_;
    int groups_;
    float eps_;
    Tensor weight_, bias_;
};

/// Ba et al. (2016): x [..., width] -> the same shape. Keys weight, bias [width].
class LayerNorm {
public:
    LayerNorm(const Params& weights, std::int64_t width, float eps = 1e-5f);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    float eps_;
    Tensor weight_, bias_;
};

/// Rows of a table: ids [...] int32 -> [..., width]. Key weight [rows, width]. An id outside of
/// 0 .. rows - 1 is an Error on the CPU and a row of NaN on a GPU.
class Embedding {
public:
    Embedding(const Params& weights, std::int64_t rows, std::int64_t width);
    [[nodiscard]] Tensor operator()(const Tensor& ids) const;

private:
    std::string path_;
    Tensor table_;
};

}  // namespace ldm::nn
