#include "common/autograd/tape.h"

#include <algorithm>
#include <ranges>

namespace ldm {
namespace {

thread_local Tape* current_tape = nullptr;

}  // namespace

Tensor Gradients::of(const Tensor& x) const {
    auto found = by_id_.find(x.id());
    return found == by_id_.end() ? Tensor::zeros(x.shape()) : found->second.reshape(x.shape());
}

void Gradients::add(const Tensor& x, const Tensor& dx) {
    if (dx.size() != x.size())
        fail("a gradient of " + to_string(dx.shape()) + " for a tensor of " + to_string(x.shape()));
    auto [slot, first] = by_id_.try_emplace(x.id(), dx);
    if (first) return;
    // A new sum: the tensor in the slot may be shared with another slot.
    Tensor sum(x.shape());
    std::ranges::transform(slot->second.values(), dx.values(), sum.data(), std::plus());
    slot->second = sum;
}

Tape::Tape() : outer_(current_tape) { current_tape = this; }
Tape::~Tape() { current_tape = outer_; }

void Tape::watch(const Tensor& x) {
    if (live_.insert(x.id()).second) watched_.push_back(x);
}

Gradients Tape::backward(const Tensor& y, const Tensor& dy) const { return backward({{y, dy}}); }

Gradients Tape::backward(const std::vector<std::pair<Tensor, Tensor>>& results) const {
    NoGradient first_order_only;
    Gradients gradients;
    for (const auto& [y, dy] : results) gradients.add(y, dy);
    for (const Note& note : notes_ | std::views::reverse) {
        auto flowed = gradients.by_id_.find(note.output.id());
        if (flowed == gradients.by_id_.end()) continue;
        const Tensors pulled = note.pull(flowed->second.reshape(note.output.shape()));
        for (std::size_t i = 0; i < pulled.size(); ++i)
            if (pulled[i] && live_.contains(note.inputs[i].id()))
                gradients.add(note.inputs[i], pulled[i]);
    }
    return gradients;
}

void record(const Tensor& y, Tensors inputs, Tape::Pull pull) {
    if (!std::ranges::any_of(inputs, needs_gradient)) return;
    current_tape->live_.insert(y.id());
    current_tape->notes_.push_back({y, std::move(inputs), std::move(pull)});
}

bool needs_gradient(const Tensor& x) {
    return x && current_tape && current_tape->live_.contains(x.id());
}

NoGradient::NoGradient() : paused_(current_tape) { current_tape = nullptr; }
NoGradient::~NoGradient() { current_tape = paused_; }

}  // namespace ldm
