#include "chapters/02_vae/codebooks/index_remap.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/ops/transfer.h"

namespace ldm::vae {
namespace {

/// Each index by itself, wherever they are.
template <typename Function>
Tensor mapped(const Tensor& indices, Function&& f) {
    const Tensor old = ops::to(indices, Device::cpu);
    Tensor y(old.shape(), DType::i32);
    for (std::int64_t i = 0; i < old.size(); ++i) y.ints()[i] = f(old.ints()[i]);
    return ops::to(y, indices.device());
}

}  // namespace

IndexRemap::Config IndexRemap::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"used", "unknown_index"}, "remap");
    Config config{.used = io::get<std::vector<int>>(json, "used")};
    if (!json.contains("unknown_index")) return config;
    const io::Json& unknown = json.at("unknown_index");
    if (unknown.is_number_integer()) {
        config.unknown = Unknown::fixed;
        config.index = io::get_in(json, "unknown_index", 0, 1 << 20);
    } else if (unknown == "extra") {
        config.unknown = Unknown::extra;
    } else if (unknown != "random") {
        throw Error(fmt::format("'unknown_index': {}, expected \"random\", \"extra\" or an index",
                                unknown.dump()));
    }
    return config;
}

IndexRemap::IndexRemap(const Config& config, int entries)
    : unknown_(config.unknown),
      index_(config.index),
      used_(Tensor::ints({static_cast<std::int64_t>(config.used.size())}, config.used)),
      new_number_(entries, -1) {
    if (config.used.empty()) throw Error("remap: 'used' must name at least one entry");
    for (std::int32_t i = 0; i < used_count(); ++i) {
        const std::int32_t entry = config.used[i];
        if (entry < 0 || entry >= entries)
            throw Error(
                fmt::format("remap: 'used' names entry {} of a codebook of {}", entry, entries));
        if (new_number_[entry] >= 0)
            throw Error(fmt::format("remap: 'used' names entry {} twice", entry));
        new_number_[entry] = i;
    }
}

//! [remap]
Tensor IndexRemap::to_used(const Tensor& indices, const Tensor& lots) const {
    const Tensor drawn = lots ? ops::to(lots, Device::cpu) : lots;
    std::int64_t unknown = 0;
    return mapped(indices, [&](std::int32_t entry) {
        const auto entries = static_cast<std::int32_t>(new_number_.size());
        if (entry < 0 || entry >= entries)
            throw Error(fmt::format("index {} of a codebook of {}", entry, entries));
        const std::int32_t number = new_number_[entry];
        return number >= 0 ? number : number_for_unknown(drawn, unknown++);
    });
}

Tensor IndexRemap::to_all(const Tensor& indices) const {
    return mapped(indices, [&](std::int32_t number) {
        const bool is_extra = unknown_ == Config::Unknown::extra && number >= used_count();
        if (!is_extra && (number < 0 || number >= used_count()))
            throw Error(fmt::format("index {}, of {} that are used", number, used_count()));
        return used_.ints()[is_extra ? 0 : number];
    });
}
//! [remap]

std::int32_t IndexRemap::number_for_unknown(const Tensor& lots, std::int64_t which) const {
    if (unknown_ == Config::Unknown::extra) return used_count();
    if (unknown_ == Config::Unknown::fixed) return index_;
    if (!lots || which >= lots.size())
        throw Error(
            "remap: 'unknown_index' is random, and there are fewer lots than unknown indices");
    const std::int32_t lot = lots.ints()[which];
    if (lot < 0 || lot >= count())
        throw Error(fmt::format("remap: lot {}, expected 0 to {}", lot, count() - 1));
    return lot;
}

std::optional<IndexRemap::Config> remap_in(const io::Json& json) {
    if (!io::has(json, "remap")) return {};
    io::Json settings = {{"used", json.at("remap")}};
    if (json.contains("unknown_index")) settings["unknown_index"] = json.at("unknown_index");
    return IndexRemap::Config::from_json(settings);
}

}  // namespace ldm::vae
