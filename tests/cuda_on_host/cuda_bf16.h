#pragma once

#include "common/io/half.h"

struct __nv_bfloat16 {
    std::uint16_t bits;
};
inline float __bfloat162float(__nv_bfloat16 x) { return ldm::io::bfloat16_to_float(x.bits); }
inline float number_of(__nv_bfloat16 x) { return ldm::io::bfloat16_to_float(x.bits); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return {ldm::io::float_to_bfloat16(x)}; }
