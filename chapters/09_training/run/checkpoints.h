#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chapters/09_training/run/folder_lock.h"
#include "common/io/safetensors.h"
#include "common/report/progress.h"

/// The states of a training on the disk: `step_000200.safetensors`, ... A state is tensors in
/// groups ("model/...", "optimizer/...", "ema/...") and texts (seed, configuration, ...). A file
/// has its name only when all of it is on the disk, so whatever kills the program, the last one
/// with a name can be used.

namespace ldm::train {

/// A state as it was saved.
class SavedState {
public:
    /// Opens and checks a file: its form, its checksum, its step. Throws ldm::Error.
    explicit SavedState(const std::filesystem::path& path);

    std::int64_t step() const { return step_; }
    const io::TensorFile& file() const { return file_; }

    /// A text of the metadata. Throws ldm::Error naming file and key when it is not there.
    const std::string& text(const std::string& key) const;

private:
    io::TensorFile file_;
    std::int64_t step_;
};

/// The newest state of a folder that can be read; nothing when there is none, or no such folder. A
/// file that cannot be read is reported to `warn`, and the one before it is taken.
std::optional<SavedState> latest_state(
    const std::filesystem::path& folder,
    const std::function<void(const std::string&)>& warn = report::message);

/// The folder that a training saves its states to. Made when it is not there, and closed to other
/// trainings.
class Checkpoints {
public:
    /// The last `keep` states stay. Throws ldm::Error when another training is writing there.
    explicit Checkpoints(const std::filesystem::path& folder, int keep = 3);

    /// Writes a state; step, format and checksum are added to the metadata. Only when it is
    /// complete do older ones go, and those of later steps: they are unreadable, or of a training
    /// that was taken back to an earlier step. Throws ldm::Error when it cannot be written; the
    /// older ones are then still there.
    std::filesystem::path save(std::int64_t step, std::span<const io::TensorEntry> entries,
                               std::map<std::string, std::string> metadata = {});

    /// How many files are called like a state, readable or not.
    [[nodiscard]] std::size_t count() const;

private:
    std::filesystem::path folder_;
    std::size_t keep_;
    FolderLock lock_;
};

/// "step_000200.safetensors"
std::string state_file_name(std::int64_t step);

}  // namespace ldm::train
