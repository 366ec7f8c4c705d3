#include "chapters/04_attention/trace_attention_weights.h"

#include "common/autograd/trace.h"

namespace ldm::attention {

void trace_attention_weights(const std::string& path, const Tensor& q, const Tensor& k,
                             const ops::AttentionOptions& options) {
    const std::string name = path.empty() ? "weights" : path + ".weights";
    if (tracing(name)) static_cast<void>(traced(name, ops::attention_weights(q, k, options)));
}

}  // namespace ldm::attention
