#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// What a person wants drawn, as it stands on the command line or in a file.

namespace ldm::program {

/// One line, one prompt; an empty line is the empty prompt, a newline at the very end is none. The
/// file may be a pipe. Throws an Error for a folder, for bytes that are no text, for a file without
/// a prompt and for one of more than 16 MiB, of which it reads no more.
std::vector<std::string> read_prompts(const std::filesystem::path& path);

/// Throws an Error unless `prompt` is UTF-8 without NUL characters, which no PNG can carry.
/// `what` names it in the message.
void expect_text(const std::string& prompt, const std::string& what);

}  // namespace ldm::program
