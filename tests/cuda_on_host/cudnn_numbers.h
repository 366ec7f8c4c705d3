#pragma once

#include <vector>

#include "tests/cuda_on_host/cuda_bf16.h"
#include "tests/cuda_on_host/cuda_fp16.h"
#include "tests/cuda_on_host/cudnn.h"

struct cudnnContext {
    cudaStream_t stream = nullptr;
};

/// What the parts of the stand-in for cuDNN have in common.
namespace ldm::cuda_on_host {

inline std::size_t bytes_of(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT ? 4 : 2; }

inline std::vector<double> read_numbers(const void* data, cudnnDataType_t type,
                                        std::int64_t count) {
    std::vector<double> numbers(count);
    for (std::int64_t i = 0; i < count; ++i) switch (type) {
            case CUDNN_DATA_FLOAT:
                numbers[i] = static_cast<const float*>(data)[i];
                break;
            case CUDNN_DATA_HALF:
                numbers[i] = __half2float(static_cast<const __half*>(data)[i]);
                break;
            case CUDNN_DATA_BFLOAT16:
                numbers[i] = __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i]);
                break;
        }
    return numbers;
}

inline void write_numbers(void* data, cudnnDataType_t type, const std::vector<double>& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto number = static_cast<float>(numbers[i]);
        switch (type) {
            case CUDNN_DATA_FLOAT:
                static_cast<float*>(data)[i] = number;
                break;
            case CUDNN_DATA_HALF:
                static_cast<__half*>(data)[i] = __float2half_rn(number);
                break;
            case CUDNN_DATA_BFLOAT16:
                static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16_rn(number);
                break;
        }
    }
}

}  // namespace ldm::cuda_on_host
