#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "common/io/tensor_file.h"

namespace ldm::io {

/// Reads and checks a whole safetensors file that is in memory; the entries are views into `file`,
/// in the order of their bytes.
/// The format: 8 bytes of header length (little-endian), a JSON object name -> {dtype, shape,
/// data_offsets} with an optional `__metadata__` of strings, then the data, without gaps or
/// overlaps. A header that lies is an ldm::Error of one line: "<what>: <trouble> '<key>'".
/// https://github.com/huggingface/safetensors#format
TensorFileContents parse_safetensors(std::span<const std::byte> file, std::string_view what);

/// A safetensors file, mapped into memory.
[[nodiscard]] TensorFile open_safetensors(const std::filesystem::path& path);

/// Writes the entries in the order given, data aligned to 8 bytes, complete or not at all.
/// Throws ldm::Error for a name that occurs twice or is not UTF-8, a shape that does not fit its
/// bytes, and everything that goes wrong on the disk.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace ldm::io
