#include "common/nn/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "common/io/tensor_file.h"
#include "common/nn/nearest_name.h"
#include "common/ops/transfer.h"

namespace ldm::nn {

namespace {

Tensor moved_to(const Tensor& weights, const std::optional<Checkpoint::Place>& place) {
    return place ? ops::to(ops::to(weights, place->device), place->dtype) : weights;
}

}  // namespace

void Checkpoint::add_slot(std::string name, Shape shape, Load load) {
    auto [slot, is_new] =
        slots_.try_emplace(std::move(name), Slot{std::move(shape), std::move(load)});
    expect(is_new, fmt::format("two tensors are called '{}'", slot->first));
}

void Checkpoint::add(std::string name, Shape shape, std::function<Tensor()> load) {
    add_slot(std::move(name), std::move(shape), [load = std::move(load)](const Wanted& wanted) {
        return Loaded{moved_to(load(), wanted.place)};
    });
}

void Checkpoint::add(std::string name, Tensor weights) {
    Shape shape = weights.shape();
    add(std::move(name), std::move(shape), [weights = std::move(weights)] { return weights; });
}

namespace {

/// The type of a tensor whose numbers are those of the file, if there is one.
std::optional<DType> same_type(const io::TensorEntry& entry) {
    const auto address = reinterpret_cast<std::uintptr_t>(entry.bytes.data());
    if (entry.dtype == io::DType::f32 && address % 4 == 0) return DType::f32;
    if (entry.dtype == io::DType::f16 && address % 2 == 0) return DType::f16;
    if (entry.dtype == io::DType::bf16 && address % 2 == 0) return DType::bf16;
    return std::nullopt;
}

bool is_float8(const io::TensorEntry& entry) {
    return entry.dtype == io::DType::f8_e4m3 || entry.dtype == io::DType::f8_e5m2;
}

/// 8-bit floats as float16, which has each of their numbers and half the size of float32.
Tensor float8_as_half(const io::TensorEntry& entry) {
    const auto halves = std::make_shared<const std::vector<std::uint16_t>>(io::read_halves(entry));
    return Tensor::borrow(entry.shape, halves->data(), halves, DType::f16);
}

/// In 16 bits on a device that computes with them, for as float32 twice as much would have to be
/// sent; an empty tensor where there is none.
Tensor sent_in_16_bits(const io::TensorEntry& entry, const Checkpoint::Place& place) {
    if (place.device == Device::cpu) return {};
    if (is_float8(entry)) {
        const std::vector<std::uint16_t> halves = io::read_halves(entry);
        return ops::as_stored(std::as_bytes(std::span(halves)), entry.shape, DType::f16,
                              place.device);
    }
    if (entry.dtype != io::DType::f16 && entry.dtype != io::DType::bf16) return {};
    return ops::as_stored(entry.bytes, entry.shape,
                          entry.dtype == io::DType::f16 ? DType::f16 : DType::bf16, place.device);
}

}  // namespace

Checkpoint::Loaded Checkpoint::load_entry(const io::TensorEntry& entry,
                                          const std::shared_ptr<const io::MappedFile>& mapping,
                                          const Wanted& wanted) {
    const std::optional<Place>& place = wanted.place;
    const std::optional<DType> type = same_type(entry);
    const auto unused = [mapping, bytes = entry.bytes] { mapping->forget(bytes); };
    if (type && wanted.as_stored)
        return {Tensor::borrow(entry.shape, entry.bytes.data(), mapping, *type), unused};
    if (type == DType::f32)
        return {moved_to(Tensor::borrow(entry.shape, entry.bytes.data(), mapping), place)};
    Tensor weights;
    if (wanted.as_stored && is_float8(entry))
        weights = float8_as_half(entry);
    else if (place)
        weights = sent_in_16_bits(entry, *place);
    if (!weights) {
        weights = Tensor(entry.shape);
        io::read_floats(entry, weights.values());
    }
    // or the file would stand in memory beside the weights
    unused();
    return {wanted.as_stored ? weights : moved_to(weights, place)};
}

void Checkpoint::add(const io::TensorFile& file) {
    for (const io::TensorEntry& entry : file.entries())
        if (io::is_floating_point(entry.dtype))
            add_slot(entry.name, entry.shape,
                     [entry, mapping = file.mapping()](const Wanted& wanted) {
                         return load_entry(entry, mapping, wanted);
                     });
}

void Checkpoint::remove(std::string_view prefix) {
    std::erase_if(slots_, [&](const auto& slot) { return slot.first.starts_with(prefix); });
}

void Checkpoint::move_to(Checkpoint& other,
                         const std::function<std::string(std::string)>& new_name) {
    for (auto& [name, slot] : slots_)
        other.add_slot(new_name(name), std::move(slot.shape), std::move(slot.load));
    slots_.clear();
}

void Checkpoint::reshape(std::string_view name, const std::function<Shape(Shape)>& new_shape) {
    auto found = slots_.find(name);
    if (found == slots_.end()) return;
    Slot& slot = found->second;
    slot.shape = new_shape(slot.shape);
    slot.load = [load = std::move(slot.load), shape = slot.shape](const Wanted& wanted) {
        Loaded loaded = load(wanted);
        loaded.numbers = loaded.numbers.reshape(shape);
        return loaded;
    };
}

Params Checkpoint::root() { return {this, ""}; }

std::vector<std::string> Checkpoint::names() const {
    std::vector<std::string> names;
    for (const auto& [name, slot] : slots_) names.push_back(name);
    return names;
}

std::pair<std::size_t, std::size_t> Checkpoint::count(std::string_view prefix) const {
    std::size_t tensors = 0, numbers = 0;
    for (auto slot = slots_.lower_bound(prefix);
         slot != slots_.end() && slot->first.starts_with(prefix); ++slot) {
        ++tensors;
        numbers += static_cast<std::size_t>(element_count(slot->second.shape));
    }
    return {tensors, numbers};
}

std::map<std::string, Tensor> Checkpoint::load_all() {
    std::map<std::string, Tensor> all;
    for (const auto& [name, slot] : slots_) all[name] = load(name, slot.shape);
    return all;
}

Tensor Checkpoint::load(const std::string& name, const Shape& expected) {
    asked_.insert(name);
    auto slot = slots_.find(name);
    if (slot == slots_.end() && fallback_) return moved_to(fallback_(name, expected), place_);
    if (slot == slots_.end() || slot->second.shape != expected) {
        problems_.push_back({name, expected});
        // a stand-in, so that the model can ask for the rest
        return Tensor(expected);
    }
    return load_nothing_ ? Tensor(expected) : slot->second.load({place_}).numbers;
}

Weight Checkpoint::load_weight(const std::string& name, const Shape& expected) {
    const bool on_cpu = place().device == Device::cpu && place().dtype == DType::f32;
    if (!frozen_ || !on_cpu || load_nothing_) return Weight(load(name, expected));
    const auto slot = slots_.find(name);
    const bool from_slot = slot != slots_.end() && slot->second.shape == expected;
    asked_.insert(name);
    Loaded loaded = from_slot ? slot->second.load({place_, true}) : Loaded{load(name, expected)};
    if (!loaded.numbers.freeze()) return Weight(std::move(loaded.numbers));
    return Weight(ops::FrozenWeight::from(std::move(loaded.numbers), std::move(loaded.unused)));
}

std::vector<std::string> Checkpoint::unused(std::string_view prefix) const {
    std::vector<std::string> unused;
    for (auto slot = slots_.lower_bound(prefix);
         slot != slots_.end() && slot->first.starts_with(prefix); ++slot)
        if (!asked_.contains(slot->first)) unused.push_back(slot->first);
    return unused;
}

void Checkpoint::check(const std::string& what) const {
    if (problems_.empty()) return;
    constexpr std::size_t shown = 8;
    const std::vector<std::string> candidates = unused();
    std::string message = fmt::format("{} lacks weights or has others:", what);
    for (std::size_t i = 0; i < std::min(shown, problems_.size()); ++i) {
        const auto& [name, expected] = problems_[i];
        if (auto slot = slots_.find(name); slot != slots_.end())
            message += fmt::format("\n  '{}' is {}, expected {}", name,
                                   to_string(slot->second.shape), to_string(expected));
        else
            message += fmt::format("\n  '{}' {} is missing{}", name, to_string(expected),
                                   nearest_names(name, candidates));
    }
    if (problems_.size() > shown)
        message += fmt::format("\n  … and {} more", problems_.size() - shown);
    throw Error(message);
}

Params Params::operator/(std::string_view name) const {
    return {checkpoint_, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name)};
}

Weight Params::weight(std::string_view name, const Shape& shape) const {
    return checkpoint_->load_weight(full(name), shape);
}

Tensor Params::get(std::string_view name, const Shape& shape) const {
    return checkpoint_->load(full(name), shape);
}

bool Params::contains(std::string_view name) const { return checkpoint_->contains(full(name)); }

std::string Params::full(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

}  // namespace ldm::nn
