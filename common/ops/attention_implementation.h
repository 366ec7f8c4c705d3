#pragma once

#include <string>

namespace ldm::ops {

/// Who computes attention on a GPU in 16 bits.
enum class AttentionImplementation {
    own,   ///< the kernels of attention_cuda.cu
    cudnn  ///< cuDNN, in a program that has it; where that cannot (hidden tokens, odd widths) and for gradients, our own
};

/// "own" or "cudnn"; another name, or cudnn in a program that was built without it, is an Error.
AttentionImplementation attention_implementation_from(const std::string& name);
std::string name_of(AttentionImplementation implementation);

/// While it lives, that one computes attention, on all threads; then as before.
class WithAttention {
public:
    explicit WithAttention(AttentionImplementation implementation);
    ~WithAttention();
    WithAttention(const WithAttention&) = delete;
    WithAttention& operator=(const WithAttention&) = delete;

private:
    AttentionImplementation before_;
};

/// The one in force.
AttentionImplementation attention_implementation();

}  // namespace ldm::ops
