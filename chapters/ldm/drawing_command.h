#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "chapters/ldm/drawing.h"
#include "chapters/ldm/drawing_options.h"

namespace ldm::program {

/// txt2img, img2img or inpaint, with one set of values of its options.
class DrawingCommand {
public:
    virtual ~DrawingCommand() = default;

    /// Adds its options to a command line, which writes the values into this object: it outlives
    /// the command line.
    virtual void add_options(CLI::App& command) = 0;

    virtual DrawingOptions& options() = 0;

    /// What to do with them, which refers to this object. Reads the pictures that they name.
    [[nodiscard]] virtual Drawing drawing() const = 0;
};

using MakeDrawingCommand = std::function<std::unique_ptr<DrawingCommand>()>;

/// Adds such a command to the program. `make` is also called for each line of a prompt file and
/// each cell of a grid that has settings of its own.
void add_drawing_command(CLI::App& app, const std::string& name, const std::string& description,
                         const MakeDrawingCommand& make, int& status);

}  // namespace ldm::program
