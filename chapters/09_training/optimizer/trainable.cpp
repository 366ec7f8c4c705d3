#include "chapters/09_training/optimizer/trainable.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/ops/optimizer_step.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

io::DType dtype_in_file(const Tensor& x) {
    return x.dtype() == DType::i32 ? io::DType::i32 : io::DType::f32;
}

/// Everything that keeps `file` from being read into `weights`, one line each.
std::vector<std::string> troubles(const io::TensorFile& file, const Weights& weights,
                                  const std::string& prefix) {
    std::vector<std::string> found;
    for (const auto& [name, w] : weights) {
        const io::TensorEntry* entry = file.find(prefix + name);
        if (!entry)
            found.push_back(fmt::format("'{}{}' is missing", prefix, name));
        else if (entry->shape != w.shape() || entry->dtype != dtype_in_file(w))
            found.push_back(fmt::format("'{}{}' is {} {}, expected {} {}", prefix, name,
                                        io::name_of(entry->dtype), to_string(entry->shape),
                                        io::name_of(dtype_in_file(w)), to_string(w.shape())));
    }
    if (prefix.empty()) return found;
    for (const io::TensorEntry& entry : file.entries())
        if (entry.name.starts_with(prefix) && !weights.contains(entry.name.substr(prefix.size())))
            found.push_back(fmt::format("'{}' belongs to nothing", entry.name));
    return found;
}

}  // namespace

Weights weights_of(const std::function<void(const nn::Params&)>& build, const MakeWeight& make) {
    Weights weights;
    nn::Checkpoint checkpoint;
    checkpoint.add_fallback([&](const std::string& name, const Shape& shape) {
        auto [weight, is_new] = weights.try_emplace(name);
        if (is_new) weight->second = make(name, shape);
        expect_shape(weight->second, shape);
        return weight->second;
    });
    build(checkpoint.root());
    return weights;
}

MakeWeight copied_from(const nn::Params& weights) {
    return [weights](const std::string& name, const Shape& shape) {
        return ops::detach(weights.get(name, shape));
    };
}

MakeWeight on(MakeWeight make, Device device) {
    return [make = std::move(make), device](const std::string& name, const Shape& shape) {
        return ops::to(make(name, shape), device);
    };
}

Weights copy_of(const Weights& weights) {
    Weights copy;
    for (const auto& [name, w] : weights) copy.emplace(name, ops::detach(w));
    return copy;
}

Weights on(const Weights& weights, Device device) {
    Weights there;
    for (const auto& [name, w] : weights) there.emplace(name, ops::to(w, device));
    return there;
}

Weights select(const Weights& weights, const std::function<bool(const std::string& name)>& chosen) {
    Weights some;
    for (const auto& [name, w] : weights)
        if (chosen(name)) some.emplace(name, w);
    return some;
}

void add_weights(const Weights& weights, nn::Checkpoint& checkpoint) {
    for (const auto& [name, w] : weights) checkpoint.add(name, w);
}

void watch(Tape& tape, const Weights& weights) {
    for (const auto& [name, w] : weights) tape.watch(w);
}

Weights gradients_of(const Gradients& gradients, const Weights& weights) {
    Weights found;
    for (const auto& [name, w] : weights) found.emplace(name, gradients.of(w));
    return found;
}

std::vector<io::TensorEntry> entries_of(const Weights& weights, const std::string& prefix) {
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, w] : weights) {
        if (w.dtype() == DType::i32)
            entries.push_back(
                io::entry_of(prefix + name, w.shape(), std::span(w.ints(), w.size())));
        else
            entries.push_back(io::entry_of(prefix + name, w.shape(), w.values()));
    }
    return entries;
}

void read_weights(const io::TensorFile& file, Weights& weights, const std::string& prefix) {
    constexpr std::size_t shown = 8;
    if (const auto lines = troubles(file, weights, prefix); !lines.empty()) {
        std::string message = fmt::format("{} does not fit what is trained:", file.path().string());
        for (std::size_t i = 0; i < std::min(shown, lines.size()); ++i)
            message += "\n  " + lines[i];
        if (lines.size() > shown) message += fmt::format("\n  … and {} more", lines.size() - shown);
        throw Error(message);
    }
    for (auto& [name, w] : weights) {
        const io::TensorEntry& entry = file.at(prefix + name);
        Tensor here = w.device() == Device::cpu ? w : Tensor(w.shape(), w.dtype());
        if (w.dtype() == DType::i32)
            std::ranges::copy(io::read_integers(entry), here.ints());
        else
            io::read_floats(entry, here.values());
        if (w.device() != Device::cpu) ops::copy_into(w, ops::to(here, w.device()));
    }
}

}  // namespace ldm::train
