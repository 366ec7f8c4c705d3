#pragma once

#include <string>

#include "common/figures/canvas.h"

namespace ldm::figures {

/// What every picture of a lesson looks like: a title, the `body`, and below it in one or two
/// sentences what to see; either may be empty. The SVG file has the title as its name. Without
/// title and caption it is the body alone, as a part of a larger figure.
[[nodiscard]] Canvas figure(const std::string& title, const Canvas& body,
                            const std::string& caption);

}  // namespace ldm::figures
