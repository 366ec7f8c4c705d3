#include "common/autograd/tape.h"

#include <algorithm>
#include <ranges>

namespace ldm {
namespace {

thread_local Tape* current_tape = nullptr;

}  // namespace

Tensor Gradients::of(const Tensor& x) const {
    expect(!passed_on_.contains(x.id()),
           "the gradient of a result on the way was not kept: watch " + to_string(x.shape()) + " before");
    auto found = by_id_.find(x.id());
    return found == by_id_.end() ? Tensor::zeros(x.shape()) : found->second.reshape(x.shape());
}

void Gradients::add(std::uint64_t id, const Tensor& dx) {
    auto [slot, first] = by_id_.try_emplace(id, dx);
    if (first) return;
    if (dx.size() != slot->second.size())
        fail("gradients of " + to_string(slot->second.shape()) + " and " + to_string(dx.shape()) + " for one tensor");
    // A new sum: the tensor in the slot may be shared with another slot.
    Tensor sum(slot->second.shape());
    std::ranges::transform(slot->second.values(), dx.values(), sum.data(), std::plus());
    slot->second = sum;
}

Tape::Tape() : outer_(current_tape) { current_tape = this; }
Tape::~Tape() { current_tape = outer_; }

void Tape::watch(const Tensor& x) {
    live_.insert(x.id());
    watched_.insert(x.id());
}

Gradients Tape::backward(const Tensor& y, const Tensor& dy) const { return backward({{y, dy}}); }

Gradients Tape::backward(const std::vector<std::pair<Tensor, Tensor>>& results) const {
    Gradients gradients;
    for (const auto& [y, dy] : results) gradients.add(y.id(), dy.reshape(y.shape()));
    read_notes(gradients, live_);
    return gradients;
}

Gradients Tape::backward(const Tensor& y, const Tensor& dy, const Tensors& wanted) const {
    Ids on_the_way;  // the wanted, and what was computed from them
    for (const Tensor& x : wanted) on_the_way.insert(x.id());
    for (const Note& note : notes_)
        if (std::ranges::any_of(note.inputs, [&](std::uint64_t x) { return on_the_way.contains(x); }))
            on_the_way.insert(note.output);
    Gradients gradients;
    gradients.add(y.id(), dy.reshape(y.shape()));
    read_notes(gradients, on_the_way);
    return gradients;
}

void Tape::read_notes(Gradients& gradients, const Ids& on_the_way) const {
    NoGradient first_order_only;
    for (const Note& note : notes_ | std::views::reverse) {
        auto flowed = gradients.by_id_.find(note.output);
        if (flowed == gradients.by_id_.end() || !on_the_way.contains(note.output)) continue;
        if (note.again) {
            read_again(note, gradients, on_the_way);
        } else {
            const Tensors pulled = note.pull(flowed->second.reshape(note.shape));
            for (std::size_t i = 0; i < pulled.size(); ++i)
                if (pulled[i] && on_the_way.contains(note.inputs[i]))
                    gradients.add(note.inputs[i], pulled[i]);
        }
        if (watched_.contains(note.output)) continue;
        gradients.by_id_.erase(note.output);
        gradients.passed_on_.insert(note.output);
    }
}

/// The notes that were not taken are taken now and read into the same gradients: every sum is made in
/// the order in which it would have been made.
void Tape::read_again(const Note& note, Gradients& gradients, const Ids& on_the_way) const {
    Tape notes;
    for (const std::uint64_t input : note.inputs)
        if (on_the_way.contains(input)) {
            notes.live_.insert(input);
            notes.watched_.insert(input);
        }
    const Tensor y = note.again();
    gradients.by_id_[y.id()] = gradients.by_id_.at(note.output);
    notes.read_notes(gradients, notes.live_);
}

void record(const Tensor& y, const Tensors& inputs, Tape::Pull pull) {
    if (!std::ranges::any_of(inputs, needs_gradient)) return;
    std::vector<std::uint64_t> ids;
    for (const Tensor& input : inputs) ids.push_back(input.id());
    current_tape->live_.insert(y.id());
    current_tape->notes_.push_back({y.id(), y.shape(), std::move(ids), std::move(pull)});
}

bool needs_gradient(const Tensor& x) { return current_tape && current_tape->live_.contains(x.id()); }

NoGradient::NoGradient() : paused_(current_tape) { current_tape = nullptr; }
NoGradient::~NoGradient() { current_tape = paused_; }

}  // namespace ldm
