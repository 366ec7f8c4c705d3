#pragma once

#include <filesystem>

namespace ldm::io {

/// A file or folder that the programs need beside themselves, "models/emoji". Where it is looked
/// for:
///
///     $LDM_DATA                         if that is set, and nowhere else
///     PREFIX/share/ldm                  beside PREFIX/bin, as `cmake --install` leaves it
///     reference_data of the source tree the one that the program lies in, or was built from
///
/// Throws an Error that names these places when it is in none of them.
std::filesystem::path data_path(const std::filesystem::path& relative);

}  // namespace ldm::io
