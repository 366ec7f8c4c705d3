#pragma once

#include <filesystem>

namespace ldm::train {

/// Keeps a second training out of a folder while this one lives (flock on `<folder>/.lock`, which
/// ends with the program however it ends). File systems that know no locks let everybody in.
class FolderLock {
public:
    /// Throws ldm::Error when another training holds the folder.
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    int file_;
};

}  // namespace ldm::train
