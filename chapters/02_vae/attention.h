#pragma once

#include <variant>

#include "chapters/02_vae/config.h"
#include "common/nn/layers.h"

namespace ldm::vae {

/// Self-attention between all pixels (AttnBlock in diffusionmodules/model.py).
///
///     q, k, v = three 1x1 convolutions of norm(x)
///     y = x + proj_out(softmax(q k^T / sqrt(C)) v)
///
/// One head as wide as all channels; chapter 04 explains it. [N, C, H, W] -> [N, C, H, W].
class AttnBlock {
public:
    AttnBlock(const nn::Params& weights, int channels);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    nn::GroupNorm norm_;
    nn::Conv2d q_, k_, v_, proj_out_;
};

/// Linear attention: the cost grows with the number of pixels and not with its square
/// (LinAttnBlock in diffusionmodules/model.py; Shen et al., 2018).
///
///     q, k, v = three 1x1 convolutions of x
///     y = to_out(linear_attention(q, k, v))
///
/// It has neither a norm nor a skip connection: y replaces x. [N, C, H, W] -> [N, C, H, W].
class LinAttnBlock {
public:
    LinAttnBlock(const nn::Params& weights, int channels);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    nn::Conv2d to_qkv_, to_out_;
};

/// Whichever of them `attn_type` asks for (make_attn); AttnType::none is the identity.
/// [N, C, H, W] -> [N, C, H, W].
class Attention {
public:
    Attention(const nn::Params& weights, int channels, AttnType type);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    std::variant<std::monostate, AttnBlock, LinAttnBlock> block_;
};

}  // namespace ldm::vae
