#pragma once

#include "common/tensor/tensor.h"

#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace ldm {

using Tensors = std::vector<Tensor>;

/// What flowed back to each tensor of a computation.
class Gradients {
public:
    /// The gradient with respect to x, in x's shape; zeros when the result did not depend on x. Throws
    /// for a tensor on the way that was not watched: its gradient is gone as soon as it was passed on.
    Tensor of(const Tensor& x) const;

private:
    friend class Tape;
    void add(const Tensor& x, const Tensor& dx);
    std::unordered_map<const void*, Tensor> by_id_;
    std::unordered_set<const void*> passed_on_;
};

/// While a Tape lives, every op that depends on a watched tensor leaves a note on it: how to turn
/// the gradient of its output into gradients of its inputs. backward() reads the notes last to
/// first. Without a Tape nothing is noted and nothing is kept.
///
///     Tape tape;
///     tape.watch(w);
///     Tensor y = ops::linear(x, w, b);
///     Tensor dw = tape.backward(y, dy).of(w);
class Tape {
public:
    /// Gradient of the output in, gradients of the inputs out, in their order. An empty Tensor
    /// stands for "not needed".
    using Pull = std::function<Tensors(const Tensor& dy)>;

    Tape();
    ~Tape();
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    /// Gradients with respect to x will be wanted. x may be a result that has been computed already.
    void watch(const Tensor& x);

    /// Gradients of sum(y * dy).
    Gradients backward(const Tensor& y, const Tensor& dy) const;

    /// Gradients of the sum of sum(y * dy) over several results.
    Gradients backward(const std::vector<std::pair<Tensor, Tensor>>& results) const;

    /// The gradients of `wanted` alone: only what lies between them and y is gone through. Cheap for
    /// a weight that is used near the end, however long the tape.
    Gradients backward(const Tensor& y, const Tensor& dy, const Tensors& wanted) const;

private:
    friend void record(const Tensor&, Tensors, Pull);
    friend bool needs_gradient(const Tensor&);
    friend Tensor checkpoint(std::function<Tensor()>);  // common/autograd/checkpoint.h

    using Ids = std::unordered_set<const void*>;
    struct Note {
        Tensor output;
        Tensors inputs;
        Pull pull;
        std::function<Tensor()> again = nullptr;  // instead of pull: notes are taken when they are read
    };
    void read_notes(Gradients& gradients, const Ids& on_the_way) const;
    void read_again(const Note& note, Gradients& gradients, const Ids& on_the_way) const;

    std::vector<Note> notes_;
    std::unordered_map<const void*, Tensor> watched_;  // keeps the ids below from being reused
    Ids live_;                                         // watched, or computed from something watched
    Tape* outer_;
};

/// What an op calls when it is done. Does nothing unless a Tape is in scope that needs an input.
void record(const Tensor& y, Tensors inputs, Tape::Pull pull);

/// Whether a Tape in scope will ask for the gradient of x, so that an op can save work.
bool needs_gradient(const Tensor& x);

/// No notes are taken while this lives: for parts whose gradient is by definition not wanted.
class NoGradient {
public:
    NoGradient();
    ~NoGradient();
    NoGradient(const NoGradient&) = delete;
    NoGradient& operator=(const NoGradient&) = delete;

private:
    Tape* paused_;
};

}  // namespace ldm
