#pragma once

#include <string>

#include "common/figures/canvas.h"

namespace ldm::figures {

/// What every picture of a lesson looks like: a title, the `body`, and below it in one or two
/// sentences what to see. Both may be empty. The SVG file has the title as its name.
[[nodiscard]] Canvas figure(const std::string& title, const Canvas& body,
                            const std::string& caption);

}  // namespace ldm::figures
