#include "common/ops/precision.h"

#include "common/error.h"

namespace ldm::ops {

Precision precision_from(const std::string& name) {
    if (name == "f32") return Precision::f32;
    if (name == "bf16") return Precision::bf16;
    throw Error("the precision is '" + name + "', expected f32 or bf16");
}

std::string name_of(Precision precision) { return precision == Precision::bf16 ? "bf16" : "f32"; }

bool has_bf16_products() {
#ifdef __AVX512BF16__
    return true;
#else
    return false;
#endif
}

}  // namespace ldm::ops
