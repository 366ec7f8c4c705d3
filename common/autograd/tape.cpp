#include "common/autograd/tape.h"

#include <algorithm>
#include <ranges>

#include "common/autograd/gradient_arithmetic.h"

namespace ldm {
namespace {

thread_local Tape* current_tape = nullptr;

}  // namespace

Tensor Gradients::of(const Tensor& x) const {
    expect(!backpropagated_.contains(x.id()),
           "the gradient of an intermediate result was not saved: watch " + to_string(x.shape()) +
               " before");
    auto found = by_id_.find(x.id());
    return found == by_id_.end() ? autograd::zeros_like(x) : found->second.reshape(x.shape());
}

void Gradients::add(const TensorId& x, const Tensor& dx) {
    if (dx.size() != element_count(x.shape))
        fail("a gradient of " + to_string(dx.shape()) + " for a tensor of " + to_string(x.shape));
    auto [slot, first] = by_id_.try_emplace(x.id, dx);
    if (first) return;
    // A new sum: the tensor in the slot may be shared with another slot.
    slot->second = autograd::add(slot->second.reshape(x.shape), dx.reshape(x.shape));
}

Tape::Tape() : outer_(current_tape) { current_tape = this; }
Tape::~Tape() { current_tape = outer_; }

bool Tape::in_scope() { return current_tape != nullptr; }

void Tape::watch(const Tensor& x) { watch(x.id()); }

void Tape::watch(std::uint64_t id) {
    live_.insert(id);
    watched_.insert(id);
}

Gradients Tape::backward(const Tensor& y, const Tensor& dy) const { return backward({{y, dy}}); }

Gradients Tape::backward(const Tensor& loss) const {
    return backward(loss, autograd::ones_like(loss));
}

Gradients Tape::backward(const std::vector<std::pair<Tensor, Tensor>>& results) const {
    Gradients gradients;
    for (const auto& [y, dy] : results) gradients.add(y, dy);
    run_backward(gradients, live_);
    return gradients;
}

Gradients Tape::backward(const Tensor& y, const Tensor& dy, const Tensors& wanted) const {
    // the wanted, and what was computed from them
    Ids needed;
    for (const Tensor& x : wanted) needed.insert(x.id());
    for (const Node& node : nodes_)
        if (std::ranges::any_of(node.inputs,
                                [&](const TensorId& x) { return needed.contains(x.id); }))
            needed.insert(node.output.id);
    Gradients gradients;
    gradients.add(y, dy);
    run_backward(gradients, needed);
    return gradients;
}

void Tape::run_backward(Gradients& gradients, const Ids& needed) const {
    NoGradient first_order_only;
    for (const Node& node : nodes_ | std::views::reverse) {
        const std::uint64_t output = node.output.id;
        auto output_gradient = gradients.by_id_.find(output);
        if (output_gradient == gradients.by_id_.end() || !needed.contains(output)) continue;
        if (node.recompute) {
            recompute_and_run_backward(node, gradients, needed);
        } else {
            const Tensors input_gradients =
                node.vjp(output_gradient->second.reshape(node.output.shape));
            for (std::size_t i = 0; i < input_gradients.size(); ++i)
                if (input_gradients[i] && needed.contains(node.inputs[i].id))
                    gradients.add(node.inputs[i], input_gradients[i]);
        }
        if (watched_.contains(output)) continue;
        gradients.by_id_.erase(output);
        gradients.backpropagated_.insert(output);
    }
}

/// The nodes that were not recorded are recorded now, and their gradients join the others: every
/// sum is made in the order in which it would have been made.
void Tape::recompute_and_run_backward(const Node& node, Gradients& gradients,
                                      const Ids& needed) const {
    Tape tape;
    for (const TensorId& input : node.inputs)
        if (needed.contains(input.id)) tape.watch(input.id);
    const Tensor y = node.recompute();
    gradients.by_id_[y.id()] = gradients.by_id_.at(node.output.id);
    tape.run_backward(gradients, tape.live_);
}

void record(const Tensor& y, const Tensors& inputs, Tape::VJP vjp) {
    if (!std::ranges::any_of(inputs, needs_gradient)) return;
    current_tape->live_.insert(y.id());
    current_tape->nodes_.push_back({y, {inputs.begin(), inputs.end()}, std::move(vjp)});
}

bool needs_gradient(const Tensor& x) {
    return x && current_tape && current_tape->live_.contains(x.id());
}

NoGradient::NoGradient() : paused_(current_tape) { current_tape = nullptr; }
NoGradient::~NoGradient() { current_tape = paused_; }

}  // namespace ldm
