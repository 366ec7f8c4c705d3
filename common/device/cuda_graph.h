#pragma once

#include <functional>
#include <memory>

namespace ldm::cuda {

/// Work for the GPU, written down to be asked for again. A network's kernels are short, and to
/// start them one by one takes the processor longer than the GPU needs for some of them; a graph
/// starts them all with one call. (CUDA Programming Guide, "CUDA Graphs".)
class Graph {
public:
    /// Calls `work`. What that asks of the GPU is not done but written down, with every address and
    /// number in it. So:
    /// - memory that `work` takes stays this graph's for as long as the graph, or a tensor in that
    /// memory, lives;
    /// - numbers that it brings from the host are kept on the GPU with the graph, as they are now;
    /// - it cannot bring numbers to the host: there are none yet. To try is an Error.
    explicit Graph(const std::function<void()>& work);

    /// Asks for all of it.
    void launch() const;

private:
    struct Written;
    std::shared_ptr<Written> written_;
};

}  // namespace ldm::cuda
