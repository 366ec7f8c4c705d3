#pragma once

#include "common/tensor/tensor.h"

/// The sinusoidal time embedding that conditions a network on t: each time becomes a row of sines
/// and cosines of many frequencies, as the positions of words do in "Attention Is All You Need"
/// (Vaswani et al., 2017, section 3.5).
///
/// t [N] may be int32 or float32, and fractional: a solver may stop between two steps. Other
/// shapes and a `dim` that is too small are Errors.

namespace ldm::ddpm {

/// The UNet's embedding, [N] -> [N, dim]: cos(t f_i) for all i, then sin(t f_i), with
/// f_i = max_period^(-i / half) and half = dim / 2 rounded down. An odd dim ends in a zero.
/// `repeat_only` gives t itself in every column.
/// Upstream: ldm/modules/diffusionmodules/util.py, timestep_embedding.
Tensor timestep_embedding(const Tensor& t, int dim, float max_period = 10000.0f,
                          bool repeat_only = false);

/// The older one of the DDPM paper's network, [N] -> [N, dim]: sines first, then cosines, with
/// f_i = 10000^(-i / (half - 1)), so that the last wave has exactly the longest length; dim >= 4.
/// Upstream: ldm/modules/diffusionmodules/model.py, get_timestep_embedding.
Tensor get_timestep_embedding(const Tensor& t, int dim);

}  // namespace ldm::ddpm
