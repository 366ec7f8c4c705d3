#include "common/ops/replayed.h"

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/device/cuda_graph.h"

#include <optional>

namespace ldm::ops {

/// The graph reads its arguments where they were when it was written, and writes its result there, too.
struct Replayed::Written {
    std::vector<Tensor> arguments;
    Tensor result;
    std::optional<cuda::Graph> graph;
};

namespace {

Tensor copy_of(const Tensor& x) {
    Tensor y = like(x, x.shape());
    cuda::copy_on_device(y.address(), x.address(), x.size() * bytes_of(x.dtype()));
    return y;
}

}  // namespace

Tensor Replayed::operator()(const std::vector<Tensor>& arguments) {
    if constexpr (build::has_cuda) {
        std::vector<Shape> shapes;
        bool on_gpu = !Tape::in_scope() && !Trace::in_scope();
        for (const Tensor& x : arguments) {
            shapes.push_back(x.shape());
            on_gpu = on_gpu && x.device() == Device::cuda;
        }
        if (on_gpu && shapes == seen_) {
            if (!written_) {
                auto written = std::make_shared<Written>();
                for (const Tensor& x : arguments) written->arguments.push_back(copy_of(x));
                written->graph.emplace([&] { written->result = f_(written->arguments); });
                written_ = std::move(written);
            }
            for (std::size_t i = 0; i < arguments.size(); ++i)
                cuda::copy_on_device(written_->arguments[i].address(), arguments[i].address(),
                                     arguments[i].size() * bytes_of(arguments[i].dtype()));
            written_->graph->launch();
            return copy_of(written_->result);
        }
        if (on_gpu) {
            seen_ = shapes;
            written_.reset();
        }
    }
    return f_(arguments);
}

}  // namespace ldm::ops
