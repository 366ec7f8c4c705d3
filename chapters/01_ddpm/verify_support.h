#pragma once

#include "chapters/01_ddpm/sampling.h"
#include "common/io/json.h"

/// What the cases of the samplers and losses share, here and in chapter 08.

namespace ldm::ddpm {

/// The tiny network that stands for a UNet in the cases: a x + b t / 1000 + c mean(context), the
/// mean over everything but the batch. x [N, C, H, W], t [N], context [N, M, D] or empty ->
/// [N, C, H, W].
class TinyNetwork {
public:
    /// {"a", "b", "c" (default 0)}
    explicit TinyNetwork(const io::Json& json);

    Tensor operator()(const Tensor& x, const Tensor& t, const Tensor& context = {}) const;

    /// The same without a context.
    Denoiser without_context() const;

private:
    float a_, b_, c_;
};

/// Part k of a stack: x [count, ...] -> [...].
Tensor entry(const Tensor& x, std::int64_t k);

/// The stack of equally shaped tensors: [...] each -> [count, ...].
Tensor stack(const std::vector<Tensor>& parts);

}  // namespace ldm::ddpm
