#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/io/mapped_file.h"
#include "common/io/tensor_entry.h"

namespace ldm::io {

/// What the header of a safetensors file says.
struct SafetensorsHeader {
    /// in the order of their bytes
    std::vector<TensorEntry> entries;
    std::map<std::string, std::string> metadata;
};

/// Reads and checks a whole safetensors file that is in memory; the entries are views into `file`.
/// The format: 8 bytes of header length (little-endian), a JSON object name -> {dtype, shape,
/// data_offsets} with an optional `__metadata__` of strings, then the data, without gaps or
/// overlaps. A header that lies is an ldm::Error of one line: "<what>: <trouble> '<key>'".
/// https://github.com/huggingface/safetensors#format
SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view what);

/// A safetensors file, mapped into memory and checked completely when it is opened.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    const std::vector<TensorEntry>& entries() const { return header_.entries; }
    const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

    /// The entry of that name, or nullptr.
    const TensorEntry* find(std::string_view name) const;
    bool contains(std::string_view name) const { return find(name) != nullptr; }

    /// The entry of that name; ldm::Error naming file and key when there is none.
    const TensorEntry& at(std::string_view name) const;

    /// Keeps the bytes of the entries alive for whoever holds it.
    std::shared_ptr<const MappedFile> mapping() const { return mapping_; }

private:
    std::filesystem::path path_;
    std::shared_ptr<const MappedFile> mapping_;
    SafetensorsHeader header_;
    std::unordered_map<std::string, std::size_t> index_;
};

/// Writes the entries in the order given, data aligned to 8 bytes, complete or not at all.
/// Throws ldm::Error for a name that occurs twice or is not UTF-8, a shape that does not fit its
/// bytes, and everything that goes wrong on the disk.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace ldm::io
