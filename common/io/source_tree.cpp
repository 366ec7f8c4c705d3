#include "common/io/source_tree.h"

#include <fmt/format.h>

#include <system_error>

#include "common/error.h"

namespace ldm::io {
namespace fs = std::filesystem;

fs::path in_source_tree(const fs::path& relative) {
    std::error_code ignored;
    if (const fs::path built_from = fs::path(LDM_SOURCE_DIR) / relative;
        fs::exists(built_from, ignored))
        return built_from;
    for (fs::path folder = fs::current_path(ignored); !folder.empty();
         folder = folder.parent_path()) {
        if (fs::exists(folder / relative, ignored)) return folder / relative;
        if (folder == folder.root_path()) break;
    }
    throw Error(fmt::format("{}: not found in {} or above the current folder", relative.string(),
                            LDM_SOURCE_DIR));
}

}  // namespace ldm::io
