#include "common/ops/attention_implementation.h"

#include "common/device/build.h"
#include "common/error.h"

#include <atomic>

namespace ldm::ops {
namespace {

std::atomic<AttentionImplementation> in_force = AttentionImplementation::own;

}  // namespace

AttentionImplementation attention_implementation_from(const std::string& name) {
    if (name == "own") return AttentionImplementation::own;
    if (name != "cudnn") throw Error("attention is computed by '" + name + "', expected own or cudnn");
    if (!build::has_cudnn) throw Error("this program was built without cuDNN, which attention was to be computed by");
    return AttentionImplementation::cudnn;
}

std::string name_of(AttentionImplementation implementation) { return implementation == AttentionImplementation::cudnn ? "cudnn" : "own"; }

WithAttention::WithAttention(AttentionImplementation implementation) : before_(in_force.exchange(implementation)) {}

WithAttention::~WithAttention() { in_force = before_; }

AttentionImplementation attention_implementation() { return in_force; }

}  // namespace ldm::ops
