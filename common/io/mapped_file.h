#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace ldm::io {

/// A file seen as memory: pages are read when they are first touched, so opening a checkpoint of
/// four gigabytes costs nothing. The view lives as long as this object.
class MappedFile {
public:
    /// Throws ldm::Error when `path` cannot be opened or is not a regular file.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return bytes_; }

private:
    std::span<const std::byte> bytes_;
};

}  // namespace ldm::io
