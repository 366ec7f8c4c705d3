#pragma once

#include "common/io/half.h"

struct __half {
    std::uint16_t bits;
};
inline float __half2float(__half x) { return ldm::io::half_to_float(x.bits); }
inline float number_of(__half x) { return ldm::io::half_to_float(x.bits); }
inline __half __float2half_rn(float x) { return {ldm::io::float_to_half(x)}; }
