#include "chapters/09_training/data/data_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::train {
namespace {

/// The value that `key` names, of those in `choices`.
template <typename Choice>
Choice choose(const io::Json& json, std::string_view key, Choice fallback,
              const std::vector<std::pair<std::string, Choice>>& choices) {
    const std::string name = io::get_or(json, key, "");
    if (name.empty() && !json.contains(key)) return fallback;
    std::string known;
    for (const auto& [other, value] : choices) {
        if (name == other) return value;
        known += (known.empty() ? "" : ", ") + other;
    }
    throw Error(fmt::format("'{}' is '{}', expected one of {}", key, text::printable(name), known));
}

double number_within(const io::Json& json, std::string_view key, double fallback, double low,
                     double high) {
    const double value = io::get_or(json, key, fallback);
    if (!(value >= low && value <= high))
        throw Error(fmt::format("'{}' is {:g}, expected {:g} to {:g}", key, value, low, high));
    return value;
}

void read_size(const io::Json& json, DataConfig& config) {
    if (!json.contains("size")) return;
    const bool square = json["size"].is_number();
    const auto size = square ? std::vector{io::get<int>(json, "size"), io::get<int>(json, "size")}
                             : io::get<std::vector<int>>(json, "size");
    const auto is_side = [](int side) { return side >= 1 && side <= 1 << 14; };
    if (size.size() != 2 || !std::ranges::all_of(size, is_side))
        throw Error(fmt::format("'size' is {}, expected a number of pixels or [width, height]",
                                json["size"].dump()));
    config.width = size[0];
    config.height = size[1];
}

/// Of one of the two the default is upstream's.
std::optional<CropShare> read_crop_share(const io::Json& json) {
    if (!json.contains("min_crop_f") && !json.contains("max_crop_f")) return {};
    CropShare share;
    share.min = number_within(json, "min_crop_f", share.min, 0, 1);
    share.max = number_within(json, "max_crop_f", share.max, 0, 1);
    if (!(share.min > 0 && share.min <= share.max))
        throw Error(fmt::format(
            "'min_crop_f' is {:g} and 'max_crop_f' {:g}, expected more than 0, the first at most "
            "the second",
            share.min, share.max));
    return share;
}

}  // namespace

DataConfig read_data_config(const io::Json& json, std::string_view what) {
    io::expect_only_keys(
        json,
        {"size", "crop", "filter", "flip", "balance_concepts", "unbalanced_fraction",
         "samples_per_concept", "caption_dropout", "cache_gb", "min_crop_f", "max_crop_f", "list"},
        what);
    try {
        using image::Filter;
        DataConfig config;
        read_size(json, config);
        config.crop = choose<Crop>(json, "crop", config.crop,
                                   {{"center", Crop::center}, {"random", Crop::random}});
        config.crop_share = read_crop_share(json);
        config.filter = choose<Filter>(json, "filter", config.filter,
                                       {{"nearest", Filter::nearest},
                                        {"bilinear", Filter::bilinear},
                                        {"area", Filter::area},
                                        {"bicubic", Filter::bicubic},
                                        {"lanczos", Filter::lanczos}});
        config.flip = io::get_or(json, "flip", config.flip);
        config.balance_concepts = io::get_or(json, "balance_concepts", config.balance_concepts);
        config.unbalanced_fraction =
            number_within(json, "unbalanced_fraction", config.unbalanced_fraction, 0, 1);
        if (config.unbalanced_fraction > 0 && !config.balance_concepts)
            throw Error("'unbalanced_fraction' means something with 'balance_concepts' only");
        config.samples_per_concept =
            io::get_or(json, "samples_per_concept", config.samples_per_concept);
        if (config.samples_per_concept < 1 ||
            (config.samples_per_concept > 1 && !config.balance_concepts))
            throw Error(
                "'samples_per_concept' is at least 1, and above it means something with "
                "'balance_concepts' only");
        config.caption_dropout =
            number_within(json, "caption_dropout", config.caption_dropout, 0, 1);
        config.cache_gb = number_within(json, "cache_gb", config.cache_gb, 0, 1e6);
        config.list = io::get_or(json, "list", config.list);
        return config;
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", what, error.what()));
    }
}

}  // namespace ldm::train
