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
    : before_(std::exchange(of_this_thread, context)) {}
WithContext::~WithContext() { of_this_thread = before_; }

WithPrecision::WithPrecision(Precision precision)
    : before_(std::exchange(of_this_thread.precision, precision)) {}
WithPrecision::~WithPrecision() { of_this_thread.precision = before_; }

Precision precision(Device device) { return of_this_thread.precision_on(device); }

WithCudnn::WithCudnn(CudnnUse use) : before_(std::exchange(of_this_thread.cudnn, use)) {}
WithCudnn::~WithCudnn() { of_this_thread.cudnn = before_; }

WorkCount::WorkCount() : before_(std::exchange(of_this_thread.work, this)) {}
WorkCount::~WorkCount() { of_this_thread.work = before_; }

double WorkCount::operations() const { return operations_; }

void WorkCount::add(double operations) { operations_ += operations; }

}  // namespace ldm::ops
