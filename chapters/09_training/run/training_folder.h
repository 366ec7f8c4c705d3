#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "chapters/09_training/optimizer/trainable.h"
#include "chapters/09_training/run/checkpoints.h"
#include "common/io/json.h"

namespace ldm::train {

/// The folder of one training (`ldm train --output`), closed to other trainings while this lives.
/// It is opened before anything is written or computed, so that what is refused is refused at once
/// and a training that is running there loses nothing.
class TrainingFolder {
public:
    struct Options {
        /// continue from the last checkpoint
        bool resume = false;
        /// how many checkpoints stay
        int keep_checkpoints = 2;
    };

    /// Makes the folder where there is none, and removes files that a killed program was just
    /// writing. `config` is the JSON that the training was started with, `data` the fingerprint of
    /// its pictures and captions: both are saved with every checkpoint. Throws ldm::Error when
    ///
    ///   - another training is writing there,
    ///   - there are checkpoints, and `resume` is false,
    ///   - there are checkpoints, and none of them can be read,
    ///   - the last one belongs to another `config` (other than "steps", "sampler" and what only
    ///     says when to write) or to other `data`.
    TrainingFolder(std::filesystem::path path, io::Json config, std::string data,
                   const Options& options);

    const std::filesystem::path& path() const { return path_; }

    /// Steps that were done before, and the seconds they took; 0 for a new training.
    std::int64_t first_step() const { return saved_ ? saved_->step() : 0; }
    double first_seconds() const { return first_seconds_; }

    /// Reads the checkpoint of first_step() into the state of a trainer, in place. Nothing happens
    /// in a new training.
    void restore(Weights state) const;

    /// Writes a checkpoint. `what` was trained for `seconds` so far.
    void save(std::int64_t step, const Weights& state, const std::string& what, double seconds);

    /// "the last good checkpoint is …", or that there is none.
    std::string last_good() const;

private:
    std::optional<SavedState> resumed(bool resume) const;
    void expect_same_training(const SavedState& saved) const;

    std::filesystem::path path_;
    io::Json config_;
    std::string data_;
    Checkpoints checkpoints_;
    std::optional<SavedState> saved_;
    double first_seconds_ = 0.0;
    std::filesystem::path last_saved_;
};

}  // namespace ldm::train
