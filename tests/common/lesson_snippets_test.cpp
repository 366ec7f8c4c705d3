// Code in a lesson is quoted from the source. `<!-- snippet: FILE NAME -->` before a code fence
// says that the fence shows the region between the two lines `//! [NAME]` of FILE.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

/// The lines without the blanks that all of them start with.
std::string dedented(const std::vector<std::string>& lines) {
    std::size_t indent = std::string::npos;
    for (const std::string& line : lines) indent = std::min(indent, line.find_first_not_of(' '));
    std::string text;
    for (const std::string& line : lines)
        text += (line.size() > indent ? line.substr(indent) : "") + "\n";
    return text;
}

std::string region(const fs::path& path, const std::string& name) {
    std::vector<std::string> found;
    bool inside = false, seen = false;
    for (const std::string& line : lines_of(path)) {
        if (line.find("//! [" + name + "]") != std::string::npos) {
            inside = !inside;
            seen = true;
        } else if (inside) {
            found.push_back(line);
        }
    }
    return seen && !inside ? dedented(found)
                           : "there is no region " + name + " in " + path.string();
}

}  // namespace

TEST_CASE("the code in the lessons is the code of the chapters") {
    const fs::path root = LDM_SOURCE_DIR;
    std::vector<fs::path> pages = {root / "README.md"};
    for (const char* folder : {"chapters", "docs", "reference_data"})
        for (const auto& entry : fs::recursive_directory_iterator(root / folder))
            if (entry.path().extension() == ".md") pages.push_back(entry.path());

    int quoted = 0;
    for (const fs::path& page : pages) {
        const auto lines = lines_of(page);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const std::string mark = "<!-- snippet: ";
            if (!lines[i].starts_with(mark)) continue;
            std::istringstream words(lines[i].substr(mark.size()));
            std::string file, name;
            words >> file >> name;
            INFO(page.string() << ":" << i + 1 << " quotes " << file << " " << name);
            REQUIRE(i + 1 < lines.size());
            REQUIRE(lines[i + 1].starts_with("```"));
            std::vector<std::string> fence;
            for (std::size_t j = i + 2; j < lines.size() && !lines[j].starts_with("```"); ++j)
                fence.push_back(lines[j]);
            CHECK(dedented(fence) == region(root / file, name));
            ++quoted;
        }
    }
    CHECK(quoted > 0);
}
