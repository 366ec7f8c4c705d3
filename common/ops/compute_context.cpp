#include "common/ops/compute_context.h"

#include <utility>

namespace ldm::ops {
namespace {

thread_local ComputeContext of_this_thread;

}  // namespace

Precision ComputeContext::precision_on(Device device) const {
    return device == Device::cpu && !has_bf16_products() ? Precision::f32 : precision;
}

const ComputeContext& compute_context() { return of_this_thread; }

WithContext::WithContext(const ComputeContext& context)
    : previous_(std::exchange(of_this_thread, context)) {}
WithContext::~WithContext() { of_this_thread = previous_; }

WithPrecision::WithPrecision(Precision precision)
    : previous_(std::exchange(of_this_thread.precision, precision)) {}
WithPrecision::~WithPrecision() { of_this_thread.precision = previous_; }

Precision precision(Device device) { return of_this_thread.precision_on(device); }

WithCudnn::WithCudnn(CudnnUse use) : previous_(std::exchange(of_this_thread.cudnn, use)) {}
WithCudnn::~WithCudnn() { of_this_thread.cudnn = previous_; }

FlopCounter::FlopCounter() : outer_(std::exchange(of_this_thread.flop_counter, this)) {}
FlopCounter::~FlopCounter() { of_this_thread.flop_counter = outer_; }

double FlopCounter::flops() const { return flops_; }

void FlopCounter::add(double flops) { flops_ += flops; }

}  // namespace ldm::ops
