#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/tensor/tensor.h"

namespace ldm {

using Tensors = std::vector<Tensor>;

/// What is left to say of a tensor when its numbers are gone.
struct TensorId {
    std::uint64_t id;
    Shape shape;

    TensorId(const Tensor& x) : id(x.id()), shape(x.shape()) {}
};
using TensorIds = std::vector<TensorId>;

/// The gradients of a computation with respect to its tensors.
class Gradients {
public:
    /// The gradient with respect to x, in x's shape; zeros when the result did not depend on x.
    /// Throws an Error for an intermediate tensor that was not watched: its gradient is freed as
    /// soon as it was backpropagated.
    [[nodiscard]] Tensor of(const Tensor& x) const;

private:
    friend class Tape;
    void add(const TensorId& x, const Tensor& dx);
    std::unordered_map<std::uint64_t, Tensor> by_id_;
    std::unordered_set<std::uint64_t> backpropagated_;
};

/// Reverse-mode automatic differentiation. While a Tape lives, every op that depends on a watched
/// tensor records a node on it: how to turn the gradient of its output into gradients of its inputs
/// (a vector-Jacobian product, VJP). backward() runs the nodes last to first. A node saves
/// those tensors that its VJP needs, and names the others by their ids. Without a Tape nothing is
/// recorded and nothing is saved.
///
///     Tape tape;
///     tape.watch(w);
///     Tensor y = ops::linear(x, w, b);
///     Tensor dw = tape.backward(y, dy).of(w);
class [[nodiscard]] Tape {
public:
    /// Gradient of the output in, gradients of the inputs out, in their order. An empty Tensor
    /// stands for "not needed".
    using VJP = std::function<Tensors(const Tensor& dy)>;

    Tape();
    ~Tape();
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    /// Whether ops are recorded.
    [[nodiscard]] static bool in_scope();

    /// Gradients with respect to x will be wanted. x may be an intermediate result that is on the
    /// tape already.
    void watch(const Tensor& x);

    /// Gradients of sum(y * dy), dy of y's shape.
    [[nodiscard]] Gradients backward(const Tensor& y, const Tensor& dy) const;

    /// Gradients of a loss of one number.
    [[nodiscard]] Gradients backward(const Tensor& loss) const;

    /// Gradients of the sum of sum(y * dy) over several results.
    [[nodiscard]] Gradients backward(const std::vector<std::pair<Tensor, Tensor>>& results) const;

    /// The gradients of `wanted` alone: only nodes between them and y are backpropagated. Cheap for
    /// a weight that is used near the end, however long the tape.
    [[nodiscard]] Gradients backward(const Tensor& y, const Tensor& dy,
                                     const Tensors& wanted) const;

private:
    friend void record(const Tensor&, const Tensors&, VJP);
    friend bool needs_gradient(const Tensor&);
    // common/autograd/checkpoint.h
    friend Tensor checkpoint(std::function<Tensor()>);

    using Ids = std::unordered_set<std::uint64_t>;
    struct Node {
        TensorId output;
        TensorIds inputs;
        VJP vjp;
        // instead of vjp: the nodes are recorded when the gradient needs them
        std::function<Tensor()> recompute = nullptr;
    };
    void watch(std::uint64_t id);
    void run_backward(Gradients& gradients, const Ids& needed) const;
    void recompute_and_run_backward(const Node& node, Gradients& gradients,
                                    const Ids& needed) const;

    std::vector<Node> nodes_;
    Ids watched_;
    // watched, or computed from something watched
    Ids live_;
    Tape* outer_;
};

/// What an op calls with its result y. Does nothing unless a Tape is in scope that needs the
/// gradient of an input. What `vjp` holds is saved until the Tape goes.
void record(const Tensor& y, const Tensors& inputs, Tape::VJP vjp);

/// Whether a Tape in scope will ask for the gradient of x, so that an op can save work.
[[nodiscard]] bool needs_gradient(const Tensor& x);

/// x if its numbers will be needed for a gradient, or nothing: for what `vjp` holds.
[[nodiscard]] inline Tensor save_if(bool needed, const Tensor& x) { return needed ? x : Tensor(); }

/// Nothing is recorded while this lives, as under torch.no_grad(): for parts whose gradient is by
/// definition not wanted.
class [[nodiscard]] NoGradient {
public:
    NoGradient();
    ~NoGradient();
    NoGradient(const NoGradient&) = delete;
    NoGradient& operator=(const NoGradient&) = delete;

private:
    Tape* paused_;
};

}  // namespace ldm
