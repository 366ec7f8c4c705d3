#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/grid_picture.h"
#include "chapters/ldm/settings.h"

/// What a command will draw, all of it, before the model is opened.

namespace ldm::program {

struct PlannedPicture {
    std::string prompt;
    std::uint64_t seed = 0;
    /// which of the pictures of its prompt it is, from 0
    std::size_t number = 0;
};

/// Pictures with the same settings but for prompt and seed: they can be drawn at once.
struct PictureSet {
    std::shared_ptr<DrawingCommand> command;
    Drawing drawing;
    /// where in DrawingPlan::pictures they are
    std::vector<std::size_t> pictures;
};

struct DrawingPlan {
    std::vector<PlannedPicture> pictures;
    std::vector<PictureSet> sets;
    /// the pictures are the cells of a grid, row by row
    std::optional<GridLabels> grid;
};

/// The pictures of a command line that was parsed into `command`, an object of `make`. Throws an
/// Error for prompts that are no text, with the line for what a prompt file says wrong, and for a
/// grid that cannot be.
[[nodiscard]] DrawingPlan plan_pictures(const CLI::App& app,
                                        const std::shared_ptr<DrawingCommand>& command,
                                        const MakeDrawingCommand& make);

}  // namespace ldm::program
