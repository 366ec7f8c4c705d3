#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
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

/// What a file of tensors holds, in whatever format it is.
struct TensorFileContents {
    /// "safetensors", "PyTorch checkpoint"
    std::string_view format;
    /// each name once
    std::vector<TensorEntry> entries;
    std::map<std::string, std::string> metadata = {};
    /// the numbers of those entries that do not lie row-major in the file; the others are views of
    /// it
    std::vector<std::vector<std::byte>> copies = {};
};

/// A file of named tensors, mapped into memory and checked completely when it is opened
/// (open_tensor_file, open_safetensors, open_torch_file). Copying it copies a handle to the
/// mapping.
class TensorFile {
public:
    /// Reads a file that is in memory; the entries are views into `file`. `what` names the file for
    /// the message of an ldm::Error.
    using Parse = TensorFileContents (*)(std::span<const std::byte> file, std::string_view what);

    /// Throws ldm::Error where MappedFile or `parse` does.
    TensorFile(std::filesystem::path path, Parse parse);

    const std::filesystem::path& path() const { return path_; }
    std::string_view format() const { return format_; }
    const std::vector<TensorEntry>& entries() const { return entries_; }
    const std::map<std::string, std::string>& metadata() const { return metadata_; }

    /// The entry of that name, or nullptr.
    const TensorEntry* find(std::string_view name) const;
    bool contains(std::string_view name) const { return find(name) != nullptr; }

    /// The entry of that name; ldm::Error naming file and key when there is none.
    const TensorEntry& at(std::string_view name) const;

    /// The same tensors under other names; ldm::Error when two of them get the same.
    [[nodiscard]] TensorFile renamed(
        const std::function<std::string(const std::string&)>& new_name) const;

    /// The same file with other tensors in the place of each, views of the same numbers; ldm::Error
    /// when two of them get the same name.
    [[nodiscard]] TensorFile replaced(
        const std::function<std::vector<TensorEntry>(const TensorEntry&)>& replacements) const;

    /// Keeps the bytes of the entries alive for whoever holds it, also those that are copies.
    std::shared_ptr<const MappedFile> mapping() const { return mapping_; }

private:
    void make_index();

    std::filesystem::path path_;
    std::shared_ptr<const MappedFile> mapping_;
    std::string_view format_;
    std::vector<TensorEntry> entries_;
    std::map<std::string, std::string> metadata_;
    std::unordered_map<std::string, std::size_t> index_;
};

/// Reads safetensors (parse_safetensors) or what torch.save writes (parse_torch_file), whatever the
/// first bytes say; how the file is called does not matter. Throws an ldm::Error that says what it
/// is instead: GGUF, a web page, a Git LFS pointer.
TensorFileContents parse_tensor_file(std::span<const std::byte> file, std::string_view what);

/// A file of weights from elsewhere: .safetensors, .ckpt, .pt, .pth, .bin.
[[nodiscard]] TensorFile open_tensor_file(const std::filesystem::path& path);

}  // namespace ldm::io
