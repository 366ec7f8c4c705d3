#include "common/device/cuda.cuh"
#include "common/device/cuda_graph.h"
#include "common/device/cuda_memory.h"

namespace ldm::cuda {

struct Graph::Written {
    std::shared_ptr<Reserve> reserve = std::make_shared<Reserve>();
    cudaGraphExec_t graph = nullptr;

    Written() = default;
    ~Written() {
        // a launch that still runs is let finish
        if (graph) cudaGraphExecDestroy(graph);
    }
    Written(const Written&) = delete;
    Written& operator=(const Written&) = delete;
};

Graph::Graph(const std::function<void()>& work) : written_(std::make_shared<Written>()) {
    cudaGraph_t graph = nullptr;
    const TakeFrom reserve(written_->reserve);
    // the reserve may ask for fresh memory
    check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));
    try {
        work();
    } catch (...) {
        cudaStreamEndCapture(stream(), &graph);
        if (graph) cudaGraphDestroy(graph);
        // forgets it
        cudaGetLastError();
        throw;
    }
    check(cudaStreamEndCapture(stream(), &graph));
    const cudaError_t result = cudaGraphInstantiate(&written_->graph, graph, 0);
    cudaGraphDestroy(graph);
    check(result);
    // what memory it needs for itself it takes now, or not at all
    check(cudaGraphUpload(written_->graph, stream()));
}

void Graph::launch() const { check(cudaGraphLaunch(written_->graph, stream())); }

}  // namespace ldm::cuda
