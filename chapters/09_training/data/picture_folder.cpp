#include "chapters/09_training/data/picture_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "chapters/09_training/run/checksum.h"
#include "common/error.h"
#include "common/io/mapped_file.h"
#include "common/report/interrupt.h"

namespace ldm::train {
namespace {

/// A picture of one pixel by 30,000 would have to become gigabytes to cover a square.
constexpr int longest_shape = 32;

void expect_readable(const std::filesystem::path& path) {
    const image::Extent extent = image::image_extent(path);
    const auto [small, large] = std::minmax(extent.width, extent.height);
    if (large / small >= longest_shape)
        throw Error(fmt::format("{}: {}x{} is too long for its width", path.string(), extent.width,
                                extent.height));
}

/// Of all bytes of a file. One that is gone by now has none; load() will say so.
std::string content_hash(const std::filesystem::path& path) {
    try {
        return fmt::format("{:016x}", checksum(io::MappedFile(path).bytes()));
    } catch (const Error&) {
        return "none";
    }
}

}  // namespace

image::Image covering(const image::Image& picture, int width, int height, image::Filter filter) {
    const double scale = std::max(static_cast<double>(width) / picture.width,
                                  static_cast<double>(height) / picture.height);
    const auto scaled = [&](int side, int least) {
        return std::max(least, static_cast<int>(std::lround(side * scale)));
    };
    return image::resize(picture, scaled(picture.width, width), scaled(picture.height, height),
                         filter);
}

PictureFolder::PictureFolder(const std::filesystem::path& folder, Captions captions,
                             const DataConfig& config, Warn warn)
    : folder_(folder),
      width_(config.width),
      height_(config.height),
      keeps_size_(config.crop_share.has_value()),
      filter_(config.filter),
      warn_(std::move(warn)),
      memory_left_(config.cache_gb * 1e9) {
    std::vector<PictureFile> listed = list_pictures(folder, captions, config.list);
    const std::size_t count = listed.size();
    for (PictureFile& file : listed) {
        try {
            expect_readable(file.path);
            files_.push_back(std::move(file));
        } catch (const Error& error) {
            warn_(fmt::format("left out: {}", error.what()));
        }
    }
    if (files_.empty())
        throw Error(fmt::format("{}: none of {} pictures can be read", folder.string(), count));
    slots_.resize(files_.size());
}

std::vector<std::string> PictureFolder::captions() const {
    std::vector<std::string> captions;
    for (const PictureFile& file : files_) captions.push_back(file.caption);
    return captions;
}

std::vector<std::string> PictureFolder::class_names() const {
    std::set<std::string> names;
    for (const PictureFile& file : files_) {
        if (file.class_label.empty())
            throw Error(
                fmt::format("{}: nothing says which class it is of: metadata.jsonl's "
                            "\"class_label\", or the folder that it lies in",
                            file.path.string()));
        names.insert(file.class_label);
    }
    return {names.begin(), names.end()};
}

std::string PictureFolder::fingerprint() const {
    std::map<std::string, std::string> entries;
    for (const PictureFile& file : files_) {
        report::throw_if_interrupted();
        entries[file.path.lexically_relative(folder_).string()] = fmt::format(
            "{} {} {} {}{}", entries.size(), content_hash(file.path), file.caption,
            file.concept_name, file.class_label.empty() ? "" : " class " + file.class_label);
    }
    return fmt::format("{:016x}", checksum({}, entries));
}

std::shared_ptr<const image::Image> PictureFolder::decode(const PictureFile& file) const {
    image::Image picture = image::load_image(file.path);
    if (keeps_size_) return std::make_shared<const image::Image>(std::move(picture));
    return std::make_shared<const image::Image>(covering(picture, width_, height_, filter_));
}

PictureFolder::Loaded PictureFolder::load(std::int64_t index) const {
    expect(index >= 0 && index < size(), fmt::format("picture {} of {}", index, size()));
    for (std::int64_t offset = 0; offset < size(); ++offset) {
        const std::int64_t candidate = (index + offset) % size();
        Slot& slot = slots_[static_cast<std::size_t>(candidate)];
        {
            const std::lock_guard lock(mutex_);
            if (slot.broken) continue;
            if (slot.picture) return {candidate, slot.picture};
        }
        // Decoding takes long: others may read meanwhile, at worst the same picture.
        try {
            const auto picture = decode(file(candidate));
            const auto bytes = static_cast<double>(picture->rgb.size());
            const std::lock_guard lock(mutex_);
            if (!slot.picture && bytes <= memory_left_) {
                slot.picture = picture;
                memory_left_ -= bytes;
            }
            return {candidate, picture};
        } catch (const Error& error) {
            const std::lock_guard lock(mutex_);
            if (!std::exchange(slot.broken, true)) warn_(fmt::format("left out: {}", error.what()));
        }
    }
    throw Error(fmt::format("{}: none of {} pictures can be read", folder_.string(), size()));
}

}  // namespace ldm::train
