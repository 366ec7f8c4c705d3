#include "common/ops/frozen_weight.h"

#include "common/ops/cpu/packed_weight.h"
#include "common/ops/transfer.h"

namespace ldm::ops {

FrozenWeight FrozenWeight::from(Tensor x, std::function<void()> unused) {
    FrozenWeight frozen;
    if (x && x.freeze())
        frozen.packed_ = std::make_shared<const cpu::PackedWeight>(std::move(x), std::move(unused));
    return frozen;
}

const Tensor& FrozenWeight::stored() const { return packed_->stored(); }

Tensor FrozenWeight::as_float() const { return to(stored(), DType::f32); }

}  // namespace ldm::ops
