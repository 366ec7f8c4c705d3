#include "tests/cuda_on_host/stream.h"

#include <optional>
#include <vector>

#include "tests/cuda_on_host/cuda_runtime.h"

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
cudaStream_t captured_stream = nullptr;

}  // namespace

bool capturing(cudaStream_t stream) { return captured && stream == captured_stream; }

void ask(cudaStream_t stream, std::function<void()> work) {
    if (capturing(stream))
        captured->push_back(std::move(work));
    else
        work();
}

}  // namespace ldm::cuda_on_host

using ldm::cuda_on_host::captured, ldm::cuda_on_host::captured_stream;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (captured || !stream) return cudaErrorInvalidValue;
    captured.emplace();
    captured_stream = stream;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    if (!ldm::cuda_on_host::capturing(stream)) return cudaErrorInvalidValue;
    *graph = new CUgraph_st{std::move(*captured)};
    captured.reset();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
    *executable = new CUgraphExec_st{graph->works};
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t stream) {
    return ldm::cuda_on_host::capturing(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    for (const auto& work : executable->works) ldm::cuda_on_host::ask(stream, work);
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
