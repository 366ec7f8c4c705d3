#pragma once

#include <filesystem>

namespace ldm::io {

/// A file or folder of the project, "reference_data/models/emoji": looked for in the folder that
/// was built from, then in the current folder and those above it. Throws ldm::Error when it is
/// nowhere.
std::filesystem::path in_source_tree(const std::filesystem::path& relative);

}  // namespace ldm::io
