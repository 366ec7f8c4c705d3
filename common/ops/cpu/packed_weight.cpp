#include "common/ops/cpu/packed_weight.h"

#include <algorithm>

#include "common/device/memory.h"
#include "common/io/half.h"
#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_kernel.h"
#include "common/ops/cpu/winograd.h"
#include "common/parallel.h"

namespace ldm::ops::cpu {

WeightRows::WeightRows(const Tensor& stored)
    : stored_(stored),
      rows_(stored.dim(0)),
      length_(stored.size() / std::max<std::int64_t>(rows_, 1)) {}

std::int64_t WeightRows::scratch(std::int64_t count) const {
    return stored_.dtype() == DType::f32 ? 0 : count * length_;
}

const float* WeightRows::read(std::int64_t first, std::int64_t count, float* scratch) const {
    if (stored_.dtype() == DType::f32) return stored_.data() + first * length_;
    const auto size = static_cast<std::size_t>(count * length_);
    const std::span from(static_cast<const std::uint16_t*>(stored_.address()) + first * length_,
                         size);
    if (stored_.dtype() == DType::f16)
        io::half_to_float(from, {scratch, size});
    else
        io::bfloat16_to_float(from, {scratch, size});
    return scratch;
}

template <int lanes, int width>
PackedPanels PackedPanels::pack(const WeightRows& weight, Precision precision) {
    PackedPanels result;
    result.rows_ = weight.rows();
    result.depth_ = weight.length();
    result.width_ = width;
    result.precision_ = precision;
    result.pair_ = precision == Precision::bf16 ? 2 : 1;
    result.panel_size_ = (result.depth_ + result.pair_ - 1) / result.pair_ * width;
    const std::int64_t panels = (result.rows_ + lanes - 1) / lanes;
    result.memory_ = allocate(panels * result.panel_size_ * sizeof(float));

    const int threads = available_threads();
    const std::int64_t whole_panel = result.depth_ * width,
                       scratch_size = weight.scratch(lanes) + whole_panel;
    const std::shared_ptr<void> scratch = allocate(threads * scratch_size * sizeof(float));
    parallel_tasks(panels, threads, [&](std::int64_t panel, int thread) {
        float* unrounded = static_cast<float*>(scratch.get()) + thread * scratch_size;
        float* to = static_cast<float*>(result.memory_.get()) + panel * result.panel_size_;
        const std::int64_t first = panel * lanes;
        const int count = static_cast<int>(std::min<std::int64_t>(lanes, result.rows_ - first));
        const float* from = weight.read(first, count, unrounded + whole_panel);
        packed::pack_strided<width>(from, result.depth_, 1, count, result.depth_, unrounded);
        packed::finish_panel<width>(unrounded, result.depth_, precision);
        std::copy_n(unrounded, result.panel_size_, to);
    });
    return result;
}

PackedPanels PackedPanels::left(const WeightRows& weight, Precision precision) {
    return pack<packed::tile_rows, packed::row_panel>(weight, precision);
}

PackedPanels PackedPanels::right(const WeightRows& weight, Precision precision) {
    return pack<packed::tile_columns, packed::tile_columns>(weight, precision);
}

PackedWeight::PackedWeight(Tensor stored, std::function<void()> unused)
    : stored_(std::move(stored)), unused_(std::move(unused)) {}
PackedWeight::~PackedWeight() = default;

template <class Form>
const Form& PackedWeight::made(ByPrecision<Form>& forms, Precision precision,
                               const std::function<Form()>& make) const {
    const std::scoped_lock lock(mutex_);
    std::unique_ptr<const Form>& form = forms[static_cast<std::size_t>(precision)];
    if (!form) {
        form = std::make_unique<const Form>(make());
        if (unused_) unused_();
    }
    return *form;
}

const PackedPanels& PackedWeight::left(Precision precision) const {
    return made<PackedPanels>(left_, precision,
                              [&] { return PackedPanels::left(WeightRows(stored_), precision); });
}

const PackedPanels& PackedWeight::right(Precision precision) const {
    return made<PackedPanels>(right_, precision,
                              [&] { return PackedPanels::right(WeightRows(stored_), precision); });
}

const WinogradKernels& PackedWeight::winograd(Precision precision) const {
    return made<WinogradKernels>(winograd_, precision, [&] {
        return WinogradKernels(WeightRows(stored_), stored_.dim(1), precision);
    });
}

}  // namespace ldm::ops::cpu
