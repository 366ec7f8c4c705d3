#include "chapters/ldm/prompts.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = std::size_t{16} << 20;

/// All of it, or an Error: what comes out of a pipe or a device may never end.
std::string read_bounded(const fs::path& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               std::fclose);
    if (!file) throw Error(path.string() + ": cannot be read");
    std::string text;
    std::array<char, 1 << 16> buffer;
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
        const std::string_view part(buffer.data(), count);
        if (part.find('\0') != part.npos)
            throw Error(path.string() + ": there is a NUL character in it; prompts are plain text");
        text += part;
        if (text.size() > most_bytes)
            throw Error(path.string() + ": more than 16 MiB are too much for a list of prompts");
    }
    if (std::ferror(file.get())) throw Error(path.string() + ": cannot be read");
    return text;
}

}  // namespace

std::vector<std::string> read_prompts(const fs::path& path) {
    if (fs::is_directory(path))
        throw Error(path.string() + " is a folder; --prompt-file wants a text file");
    std::istringstream text(read_bounded(path));
    std::vector<std::string> prompts;
    for (std::string line; std::getline(text, line);) {
        if (line.ends_with('\r')) line.pop_back();
        expect_text(line, fmt::format("{}, line {}", path.string(), prompts.size() + 1));
        prompts.push_back(std::move(line));
    }
    if (prompts.empty()) throw Error(path.string() + ": there is no prompt in it");
    return prompts;
}

void expect_text(const std::string& prompt, const std::string& what) {
    if (!text::is_valid_utf8(prompt) || prompt.find('\0') != prompt.npos)
        throw Error(fmt::format("{} is not valid UTF-8: \"{}\"", what, text::printable(prompt)));
}

}  // namespace ldm::program
