#pragma once

#include <cairo.h>
#include <fmt/format.h>

#include <memory>

#include "common/error.h"
#include "common/figures/canvas.h"

/// What the parts of Canvas share: Cairo's objects with their owners.

namespace ldm::figures {

using SurfacePointer = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
using ContextPointer = std::unique_ptr<cairo_t, decltype(&cairo_destroy)>;

inline SurfacePointer own(cairo_surface_t* surface) { return {surface, cairo_surface_destroy}; }
inline ContextPointer draw_on(const SurfacePointer& surface) {
    return {cairo_create(surface.get()), cairo_destroy};
}

inline void expect_success(cairo_status_t status) {
    if (status != CAIRO_STATUS_SUCCESS)
        throw Error(fmt::format("a figure cannot be drawn: {}", cairo_status_to_string(status)));
}

/// A surface that keeps what is drawn on it as a list of strokes.
struct Canvas::Recording {
    SurfacePointer surface;
    ContextPointer context;

    cairo_t* cairo() const { return context.get(); }
};

}  // namespace ldm::figures
