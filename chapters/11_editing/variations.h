#pragma once

#include <cstdint>
#include <vector>

#include "chapters/08_ldm_pipeline/drawing.h"

namespace ldm::editing {

/// Between two noises of one shape [N, C, h, w], `share` of the way along the arc from the first to
/// the second, so that the length stays that of noise (a straight line would pass through weaker
/// noise, from which networks draw flat pictures):
///
///   slerp(a, b; v) = (sin((1 - v) w) a + sin(v w) b) / sin(w),   w the angle between a and b
///
/// Angles are those of the columns of each channel, as upstream has it; where all of them are
/// nearly alike the line is straight. Upstream: slerp of modules/rng.py of A1111 (Shoemake, 1985).
[[nodiscard]] Tensor slerp(const Tensor& a, const Tensor& b, double share);

/// The drawing's noise, turned towards that of other seeds: A1111's "variation seed" and
/// "variation strength". One seed for each picture. Throws an Error unless 0 <= strength <= 1.
[[nodiscard]] pipeline::Beginning variation(const pipeline::Txt2ImgRequest& request,
                                            const pipeline::ModelSpec& spec, Device device,
                                            const ddpm::Noise& noise,
                                            const std::vector<std::uint64_t>& variation_seeds,
                                            double strength);

}  // namespace ldm::editing
