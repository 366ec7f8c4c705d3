#include "common/ops/cuda_graph_callable.h"

#include <algorithm>
#include <optional>

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/device/cuda_graph.h"

namespace ldm::ops {

namespace {

void copy(const Tensor& from, Tensor& to) {
    cuda::copy_on_device(to.address(), from.address(), from.size() * bytes_of(from.dtype()));
}

Tensor copy_of(const Tensor& x) {
    Tensor y = like(x, x.shape());
    copy(x, y);
    return y;
}

[[maybe_unused]] bool can_be_written(const std::vector<Tensor>& arguments) {
    const bool on_gpu =
        std::ranges::all_of(arguments, [](const Tensor& x) { return x.device() == Device::cuda; });
    return on_gpu && !Tape::in_scope() && !Trace::in_scope();
}

}  // namespace

/// The graph reads its arguments where they were when it was written, and writes its result there,
/// too.
struct CudaGraphCallable::CapturedGraph {
    std::vector<Tensor> arguments;
    Tensor result;
    std::optional<cuda::Graph> graph;

    CapturedGraph(const Function& f, const std::vector<Tensor>& first_arguments) {
        for (const Tensor& x : first_arguments) arguments.push_back(copy_of(x));
        graph.emplace([&] { result = f(arguments); });
    }

    Tensor replay(const std::vector<Tensor>& with) {
        for (std::size_t i = 0; i < with.size(); ++i) copy(with[i], arguments[i]);
        graph->launch();
        return copy_of(result);
    }
};

void CudaGraphCallable::write(const std::vector<Tensor>& arguments) {
    if constexpr (build::has_cuda) {
        const auto written = [&] {
            try {
                graph_ = std::make_shared<CapturedGraph>(f_, arguments);
                return true;
            } catch (const OutOfMemory&) {
                return false;
            }
        };
        if (written()) return;
        // a graph takes fresh memory only, for what waits may be others' between two launches
        cuda::release_waiting_memory();
        fits_ = written();
    }
}

Tensor CudaGraphCallable::operator()(const std::vector<Tensor>& arguments) {
    if constexpr (build::has_cuda)
        if (can_be_written(arguments)) {
            std::vector<std::pair<Shape, DType>> kinds;
            for (const Tensor& x : arguments) kinds.emplace_back(x.shape(), x.dtype());
            if (kinds != seen_) {
                seen_ = std::move(kinds);
                graph_.reset();
                fits_ = true;
                return f_(arguments);
            }
            if (!graph_ && fits_) write(arguments);
            if (graph_) return graph_->replay(arguments);
        }
    return f_(arguments);
}

}  // namespace ldm::ops
