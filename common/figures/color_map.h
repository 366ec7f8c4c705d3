#pragma once

#include <cstddef>

#include "common/image/image.h"

namespace ldm::figures {

using image::Color;

/// A colour for a number. `viridis` and `magma` run from dark to bright over [0, 1] and stay
/// readable in grey and for colour-blind eyes; `diverging` shows the sign over [-1, 1]: blue below,
/// white at zero, red above. Numbers outside are clamped, NaN is grey.
enum class ColorMap { grey, viridis, magma, diverging };
[[nodiscard]] Color map_color(ColorMap map, float value);

/// A mixture: `amount` 0 is `a`, 1 is `b`.
[[nodiscard]] Color mix(Color a, Color b, float amount);

/// Colours that tell curves apart (after Okabe and Ito, 2008).
[[nodiscard]] Color curve_color(std::size_t index);

}  // namespace ldm::figures
