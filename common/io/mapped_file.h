#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace ldm::io {

/// A file seen as memory: pages are read when they are first touched, so opening a checkpoint of
/// four gigabytes costs nothing. The view lives as long as this object.
/// When another program cuts the file meanwhile, touching what is gone ends this program with a
/// sentence that names the file, and status 1 (a handler of SIGBUS, which the first object sets).
class MappedFile {
public:
    /// Throws ldm::Error when `path` cannot be opened or is not a regular file (a folder, a pipe, a
    /// device), without waiting for anybody.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return bytes_; }

    /// Says that this part of bytes() has been read and is not needed soon: the memory that holds
    /// it no longer counts as this program's. Reading it again is allowed and reads the file again.
    /// Does nothing for memory that lies elsewhere.
    void forget(std::span<const std::byte> part) const;

    /// Internal: an entry of the list that the signal's handler reads.
    struct Region;

private:
    std::span<const std::byte> bytes_;
    std::unique_ptr<Region> region_;
};

}  // namespace ldm::io
