#include "tests/cuda_on_host/stream.h"

#include "tests/cuda_on_host/cuda_runtime.h"

#include <optional>
#include <vector>

using Works = std::vector<std::function<void()>>;

struct CUgraph_st {
    Works works;
};
struct CUgraphExec_st {
    Works works;
};

namespace ldm::cuda_on_host {
namespace {

std::optional<Works> captured;

}  // namespace

void ask(std::function<void()> work) {
    if (captured)
        captured->push_back(std::move(work));
    else
        work();
}

bool capturing() { return captured.has_value(); }

}  // namespace ldm::cuda_on_host

using ldm::cuda_on_host::captured;

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
    if (captured) return cudaErrorInvalidValue;
    captured.emplace();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
    if (!captured) return cudaErrorInvalidValue;
    *graph = new CUgraph_st{std::move(*captured)};
    captured.reset();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
    *executable = new CUgraphExec_st{graph->works};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
    for (const auto& work : executable->works) ldm::cuda_on_host::ask(work);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}
