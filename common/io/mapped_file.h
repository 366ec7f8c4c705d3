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

    /// Says that this part of bytes() has been read and is not needed soon: the memory that holds
    /// it no longer counts as this program's. Reading it again is allowed and reads the file again.
    void forget(std::span<const std::byte> part) const;

private:
    std::span<const std::byte> bytes_;
};

}  // namespace ldm::io
