#pragma once

#include "common/ops/cudnn_use.h"
#include "common/ops/flop_counter.h"
#include "common/ops/precision.h"

namespace ldm::ops {

/// What an op computes with beside its arguments. Each thread has its own, so that two threads may
/// compute with different precisions at the same time. An op reads it once, at its start, and
/// passes it down as a value: no change in between, and no setting of the threads that help with
/// the op, makes half of a product another one.
struct ComputeContext {
    Precision precision = Precision::f32;
    CudnnUse cudnn;
    /// where FLOPs are counted, or null
    FlopCounter* flop_counter = nullptr;

    /// The precision that a device can give: f32 on a CPU without the instructions for bf16.
    [[nodiscard]] Precision precision_on(Device device) const;

    /// What matrix products, convolutions and attention call with their FLOPs, if they are counted.
    void add_flops(double flops) const {
        if (flop_counter) flop_counter->add(flops);
    }
};

/// The context of this thread. WithPrecision, WithCudnn and FlopCounter change a part of it while
/// they live.
[[nodiscard]] const ComputeContext& compute_context();

/// Sets this thread's context; restores the previous one on destruction. For threads that do a part
/// of another thread's work:
///
///     const ops::ComputeContext context = ops::compute_context();
///     parallel_tasks(…, [&](std::int64_t i, int) {
///         const ops::WithContext scope(context);
///         …
class [[nodiscard]] WithContext {
public:
    explicit WithContext(const ComputeContext& context);
    ~WithContext();
    WithContext(const WithContext&) = delete;
    WithContext& operator=(const WithContext&) = delete;

private:
    ComputeContext previous_;
};

}  // namespace ldm::ops
