#pragma once

#include <string>
#include <vector>

#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/settings.h"

/// Lines of a prompt file that carry options, as those of A1111's "Prompts from file or textbox"
/// do:
///
///     --prompt "a cat, (red:1.2)" --negative_prompt "dog" --steps 30 --seed 5

namespace ldm::program {

/// Whether a line is one of those: it begins with "--" and a letter.
[[nodiscard]] bool has_options(const std::string& line);

/// The words of a line as a POSIX shell splits them: 'as it is', "with \" and \\", a\ space.
/// Throws an Error for a quotation mark without its other one.
[[nodiscard]] std::vector<std::string> split_words(const std::string& line);

/// The settings of a line for the commands of `make`. Option names may have _ for -, and the words
/// of a prompt may stand without quotation marks, both as in A1111. Throws an Error that begins
/// with `where` for what the command does not know, and for options that are those of a whole run:
/// files, models, devices.
[[nodiscard]] Settings settings_of_line(const std::string& line, const MakeDrawingCommand& make,
                                        const std::string& where);

/// Takes the options out of a command that are those of a whole run, and not of one picture.
void leave_options_of_pictures(CLI::App& command);

}  // namespace ldm::program
