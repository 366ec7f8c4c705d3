#pragma once

#include <cairo.h>

#include <memory>

namespace ldm::figures {

/// The font of all figures: DejaVu Sans, which is part of the program. A figure looks the same on
/// every machine, and a training never ends because a font is missing where it runs.
cairo_font_face_t* font_face();

/// The font at a size in pixels, without rounding to whole pixels: text is as wide as it says at
/// every size and in every kind of file.
using ScaledFont = std::unique_ptr<cairo_scaled_font_t, decltype(&cairo_scaled_font_destroy)>;
ScaledFont scaled_font(double size);

}  // namespace ldm::figures
