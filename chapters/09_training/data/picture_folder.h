#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "chapters/09_training/data/data_config.h"
#include "chapters/09_training/data/picture_list.h"
#include "common/image/image.h"
#include "common/report/progress.h"

namespace ldm::train {

/// The picture, made just large enough to cover width x height.
[[nodiscard]] image::Image covering(const image::Image& picture, int width, int height,
                                    image::Filter filter);

/// The pictures of a folder (picture_list.h) on demand: decoded, made just large enough to cover
/// width x height (as they are, where crops are a share of them), and cached up to the memory of
/// the configuration. What does not fit is decoded every time; the pictures are the same either
/// way.
///
/// A picture whose header cannot be read is left out when the folder is opened. One that turns out
/// to be broken later is replaced by the next one that is not: always by the same, so that a
/// training can be repeated. Both are reported once to `warn`.
class PictureFolder {
public:
    using Warn = std::function<void(const std::string&)>;

    /// Throws ldm::Error like list_pictures, and when none of the pictures can be read.
    PictureFolder(const std::filesystem::path& folder, Captions captions, const DataConfig& config,
                  Warn warn = report::message);

    std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
    const PictureFile& file(std::int64_t index) const {
        return files_[static_cast<std::size_t>(index)];
    }

    /// All of them, in their order.
    std::vector<std::string> captions() const;

    /// The classes of the pictures in alphabetical order. Throws ldm::Error for a picture without
    /// one.
    std::vector<std::string> class_names() const;

    /// Changes when a picture comes, goes, moves in the list or gets other bytes, and when a
    /// caption or concept changes; not when the whole folder is somewhere else. Reads every file
    /// once.
    [[nodiscard]] std::string fingerprint() const;

    struct Loaded {
        /// of the picture, or of the one that replaces it
        std::int64_t index;
        std::shared_ptr<const image::Image> picture;
    };

    /// May be called from several threads. Throws ldm::Error when no picture is left that can be
    /// read.
    Loaded load(std::int64_t index) const;

private:
    std::shared_ptr<const image::Image> decode(const PictureFile& file) const;

    std::filesystem::path folder_;
    std::vector<PictureFile> files_;
    int width_, height_;
    /// whether pictures stay as large as they are
    bool keeps_size_;
    image::Filter filter_;
    Warn warn_;

    /// What is known of a picture so far.
    struct Slot {
        std::shared_ptr<const image::Image> picture;
        bool broken = false;
    };
    /// guards the rest
    mutable std::mutex mutex_;
    mutable std::vector<Slot> slots_;
    /// in bytes
    mutable double memory_left_;
};

}  // namespace ldm::train
