#include "common/device/cuda_graph.h"

#include "common/device/cuda.cuh"
#include "common/device/cuda_memory.h"

namespace ldm::cuda {

struct Graph::Written {
    std::shared_ptr<Reserve> reserve = std::make_shared<Reserve>();
    cudaGraphExec_t graph = nullptr;

    Written() = default;
    ~Written() {
        if (graph) cudaGraphExecDestroy(graph);  // a launch that still runs is let finish
    }
    Written(const Written&) = delete;
    Written& operator=(const Written&) = delete;
};

Graph::Graph(const std::function<void()>& work) : written_(std::make_shared<Written>()) {
    cudaGraph_t graph = nullptr;
    const TakeFrom reserve(written_->reserve);
    check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));  // the reserve may ask for fresh memory
    try {
        work();
    } catch (...) {
        cudaStreamEndCapture(stream(), &graph);
        if (graph) cudaGraphDestroy(graph);
        cudaGetLastError();  // forgets it
        throw;
    }
    check(cudaStreamEndCapture(stream(), &graph));
    const cudaError_t result = cudaGraphInstantiate(&written_->graph, graph, 0);
    cudaGraphDestroy(graph);
    check(result);
    check(cudaGraphUpload(written_->graph, stream()));  // what memory it needs for itself it takes now, or not at all
}

void Graph::launch() const { check(cudaGraphLaunch(written_->graph, stream())); }

}  // namespace ldm::cuda
