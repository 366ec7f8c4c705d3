#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// A function of tensors that is called again and again with tensors of the same shapes and types,
/// such as the step of a sampler. On a GPU it is written down as a graph
/// (common/device/cuda_graph.h) and then replayed; on a CPU, and while a Tape or a Trace wants to
/// know what happens inside, it is just called.
///
/// Its result must depend on its arguments alone, and on tensors that stay what and where they are,
/// such as weights: whatever else it reads is read once.
class CudaGraphCallable {
public:
    using Function = std::function<Tensor(const std::vector<Tensor>&)>;

    explicit CudaGraphCallable(Function f) : f_(std::move(f)) {}

    /// The first call with such arguments is an ordinary one, so that everything that happens only
    /// once has happened; the second one writes. Where a graph does not fit into the GPU's memory,
    /// all calls are ordinary ones.
    Tensor operator()(const std::vector<Tensor>& arguments);

private:
    struct CapturedGraph;

    void write(const std::vector<Tensor>& arguments);

    Function f_;
    // shapes and types of the last arguments
    std::vector<std::pair<Shape, DType>> seen_;
    // the graph for arguments of these shapes and types
    std::shared_ptr<CapturedGraph> graph_;
    // whether a graph for them fits into the GPU's memory
    bool fits_ = true;
};

}  // namespace ldm::ops
