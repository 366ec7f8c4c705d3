#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ldm::io {

/// Writes bytes as the one array of a file of NumPy's savez: `numpy.load(path)[name]` is an array
/// of that shape and of type uint8, row-major. The file appears complete or not at all.
///
/// An .npz is a zip file with NAME.npy in it, not compressed; an .npy is a line of text that says
/// type and shape, and the numbers (numpy.lib.format, version 1.0). Throws an Error unless the
/// shape has as many numbers as there are bytes, and where the file cannot be written.
void write_npz(const std::filesystem::path& path, const std::string& name,
               std::span<const std::uint8_t> bytes, const std::vector<std::int64_t>& shape);

}  // namespace ldm::io
