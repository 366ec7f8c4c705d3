#pragma once

#include "common/ops/cudnn_use.h"
#include "common/ops/precision.h"
#include "common/ops/work.h"

namespace ldm::ops {

/// What an op computes with beside its arguments. Each thread has its own, so that two threads may
/// compute with different precisions at the same time. An op reads it once, at its start, and
/// passes it down as a value: nothing that changes on the way, and nothing on the threads that help
/// with the op, makes half of a product another one.
struct ComputeContext {
    Precision precision = Precision::f32;
    CudnnUse cudnn;
    // where operations are counted, or null
    WorkCount* work = nullptr;

    /// The precision that a device can give: f32 on a CPU without the instructions for bf16.
    [[nodiscard]] Precision precision_on(Device device) const;

    /// What an op calls that does work worth counting.
    void count_work(double operations) const {
        if (work) work->add(operations);
    }
};

/// That of this thread. WithPrecision, WithCudnn and WorkCount change a part of it while they live.
[[nodiscard]] const ComputeContext& compute_context();

/// While it lives, this thread computes with that context; then as before. For threads that do a
/// part of another thread's work:
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
    ComputeContext before_;
};

}  // namespace ldm::ops
