#pragma once

#include "common/nn/params.h"
#include "common/nn/weight.h"
#include "common/ops/conv2d.h"

/// Layers: a function of tensors together with the weights it uses. Each takes its weights from the
/// folder of the checkpoint where upstream keeps them, and leaves its output on the Trace in scope.

namespace ldm::nn {

enum class Bias { yes, no };

/// y = x W^T + b; x [..., in] -> [..., out]. Keys weight [out, in], bias [out].
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

/// A 1x1 convolution: every pixel by itself.
inline constexpr Conv2dShape pixel_by_pixel{.kernel = 1, .padding = {}};

/// x [N, in, H, W] -> [N, out, h, w]. Keys weight [out, in, kernel, kernel], bias [out].
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

/// x [N, channels, ...]. Keys weight, bias [channels].
class GroupNorm {
public:
    GroupNorm(const Params& weights, std::int64_t channels, float eps, int groups = 32);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

    /// silu of it, in one pass unless a Trace records what comes between.
    [[nodiscard]] Tensor silu(const Tensor& x) const;

private:
    std::string path_;
    int groups_;
    float eps_;
    Tensor weight_, bias_;
};

/// x [..., width]. Keys weight, bias [width].
class LayerNorm {
public:
    LayerNorm(const Params& weights, std::int64_t width, float eps = 1e-5f);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    float eps_;
    Tensor weight_, bias_;
};

/// ids [...] int32 -> [..., width]. Key weight [rows, width].
class Embedding {
public:
    Embedding(const Params& weights, std::int64_t rows, std::int64_t width);
    [[nodiscard]] Tensor operator()(const Tensor& ids) const;

private:
    std::string path_;
    Tensor table_;
};

}  // namespace ldm::nn
