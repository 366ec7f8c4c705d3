#pragma once

#include <functional>

struct CUstream_st {};

namespace ldm::cuda_on_host {

/// What is asked of a stream: done at once, or written down while it is captured into a graph.
void ask(CUstream_st* stream, std::function<void()> work);

bool capturing(CUstream_st* stream);

}  // namespace ldm::cuda_on_host
