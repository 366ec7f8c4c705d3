#pragma once

#include <functional>

namespace ldm::cuda_on_host {

/// What is asked of the stream: done at once, or written down while a graph is captured.
void ask(std::function<void()> work);

bool capturing();

}  // namespace ldm::cuda_on_host
