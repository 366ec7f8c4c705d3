#include <vector>

#include "tests/cuda_on_host/cublasLt.h"
#include "tests/cuda_on_host/cuda_bf16.h"
#include "tests/cuda_on_host/cuda_fp16.h"
#include "tests/cuda_on_host/device_memory.h"
#include "tests/cuda_on_host/stream.h"

struct cublasLtMatrixLayoutOpaque_t {
    cudaDataType_t type;
    std::int64_t rows, columns, leading;
    std::int32_t count = 1;
    std::int64_t stride = 0;
};

struct cublasLtMatmulDescOpaque_t {
    cublasComputeType_t compute;
    cublasOperation_t trans_a = CUBLAS_OP_N, trans_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void* bias = nullptr;
};

namespace {

template <class T>
cublasStatus_t assign(T& to, const void* value, std::size_t size) {
    if (size != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

float read(const void* data, cudaDataType_t type, std::int64_t i) {
    switch (type) {
        case CUDA_R_32F:
            return static_cast<const float*>(data)[i];
        case CUDA_R_16F:
            return __half2float(static_cast<const __half*>(data)[i]);
        case CUDA_R_16BF:
            return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i]);
    }
    return 0.0f;
}

void write(void* data, cudaDataType_t type, std::int64_t i, float value) {
    switch (type) {
        case CUDA_R_32F:
            static_cast<float*>(data)[i] = value;
            break;
        case CUDA_R_16F:
            static_cast<__half*>(data)[i] = __float2half_rn(value);
            break;
        case CUDA_R_16BF:
            static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16_rn(value);
            break;
    }
}

/// op(matrix i) as [rows, columns], row-major.
std::vector<float> unfolded(const void* data, const cublasLtMatrixLayoutOpaque_t& layout,
                            cublasOperation_t op, int i, bool round) {
    const std::int64_t rows = op == CUBLAS_OP_N ? layout.rows : layout.columns,
                       columns = op == CUBLAS_OP_N ? layout.columns : layout.rows;
    std::vector<float> matrix(rows * columns);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t row = op == CUBLAS_OP_N ? r : c, column = op == CUBLAS_OP_N ? c : r;
            const float x =
                read(data, layout.type, i * layout.stride + column * layout.leading + row);
            matrix[r * columns + c] = round ? __bfloat162float(__float2bfloat16_rn(x)) : x;
        }
    return matrix;
}

}  // namespace

const char* cublasLtGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_INVALID_VALUE ? "invalid value"
           : status == CUBLAS_STATUS_SUCCESS     ? "success"
                                                 : "not supported";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading) {
    *layout = new cublasLtMatrixLayoutOpaque_t{type, static_cast<std::int64_t>(rows),
                                               static_cast<std::int64_t>(columns), leading};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, std::size_t size) {
    return attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT ? assign(layout->count, value, size)
                                                           : assign(layout->stride, value, size);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
    if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
    *operation = new cublasLtMatmulDescOpaque_t{compute};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t size) {
    switch (attribute) {
        case CUBLASLT_MATMUL_DESC_TRANSA:
            return assign(operation->trans_a, value, size);
        case CUBLASLT_MATMUL_DESC_TRANSB:
            return assign(operation->trans_b, value, size);
        case CUBLASLT_MATMUL_DESC_EPILOGUE:
            return assign(operation->epilogue, value, size);
        case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
            return assign(operation->bias, value, size);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
    delete operation;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    *preference = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, std::size_t) {
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t) {
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* returned) {
    *results = {};
    *returned = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t*, void*, std::size_t,
                              cudaStream_t stream) {
    const bool plain =
        *static_cast<const float*>(alpha) == 1.0f && *static_cast<const float*>(beta) == 0.0f;
    const std::int64_t m = d_layout->rows, n = d_layout->columns;
    const std::int64_t k = operation->trans_a == CUBLAS_OP_N ? a_layout->columns : a_layout->rows;
    const bool fits =
        (operation->trans_a == CUBLAS_OP_N ? a_layout->rows : a_layout->columns) == m &&
        (operation->trans_b == CUBLAS_OP_N ? b_layout->columns : b_layout->rows) == n &&
        (operation->trans_b == CUBLAS_OP_N ? b_layout->rows : b_layout->columns) == k &&
        a_layout->count == d_layout->count && b_layout->count == d_layout->count;
    if (!plain || !fits) return CUBLAS_STATUS_INVALID_VALUE;
    ldm::cuda_on_host::ask(
        stream, [=, op = *operation, of_a = *a_layout, of_b = *b_layout, of_d = *d_layout] {
            const ldm::cuda_on_host::OpenMemory open;
            const bool round = op.compute == CUBLAS_COMPUTE_32F_FAST_16BF;
            for (int i = 0; i < of_d.count; ++i) {
                const std::vector<float> left = unfolded(a, of_a, op.trans_a, i, round),
                                         right = unfolded(b, of_b, op.trans_b, i, round);
                for (std::int64_t column = 0; column < n; ++column)
                    for (std::int64_t row = 0; row < m; ++row) {
                        double sum = 0.0;
                        for (std::int64_t j = 0; j < k; ++j)
                            sum += static_cast<double>(left[row * k + j]) * right[j * n + column];
                        if (op.epilogue == CUBLASLT_EPILOGUE_BIAS)
                            sum += read(op.bias, of_d.type, row);
                        write(d, of_d.type, i * of_d.stride + column * of_d.leading + row,
                              static_cast<float>(sum));
                    }
            }
        });
    return CUBLAS_STATUS_SUCCESS;
}
