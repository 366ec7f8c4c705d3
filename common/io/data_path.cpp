#include "common/io/data_path.h"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>
#include <vector>

#include "common/error.h"
#include "common/io/source_dir.h"

namespace ldm::io {
namespace fs = std::filesystem;
namespace {

/// Folders that may hold the data, the likeliest first.
std::vector<fs::path> data_folders() {
    if (const char* chosen = std::getenv("LDM_DATA"); chosen && *chosen) return {chosen};

    std::vector<fs::path> folders;
    std::error_code unknown;
    // empty where the system does not say which program this is
    const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
    if (!program.empty()) {
        folders.push_back(program.parent_path().parent_path() / "share/ldm");
        for (fs::path folder = program.parent_path(); folder != folder.root_path();
             folder = folder.parent_path())
            folders.push_back(folder / "reference_data");
    }
    folders.push_back(fs::path(source_dir) / "reference_data");
    return folders;
}

}  // namespace

fs::path data_path(const fs::path& relative) {
    const std::vector<fs::path> folders = data_folders();
    std::error_code ignored;
    for (const fs::path& folder : folders)
        if (fs::exists(folder / relative, ignored)) return folder / relative;
    throw Error(fmt::format(
        "{}: neither in {} nor in {}; the environment variable LDM_DATA can name the folder that "
        "has it",
        relative.string(), folders.front().string(), folders.back().string()));
}

}  // namespace ldm::io
