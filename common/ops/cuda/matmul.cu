#include <cublasLt.h>

#include <map>
#include <mutex>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/cuda/matmul.h"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/shape.h"

/// Matrix products are cuBLAS's. It counts by columns: what we call a row-major matrix [r, c] is to
/// it a column-major one [c, r]. So it is asked for the transposed product, y^T = b^T a^T, and
/// writes y as we want it. It adds the bias, too; an activation is left to its own kernel, for
/// cuBLAS's GELU is the tanh approximation, and SiLU and quick GELU it has not.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

void check(cublasStatus_t status, std::source_location where = std::source_location::current()) {
    if (status != CUBLAS_STATUS_SUCCESS)
        fail(std::string("cuBLAS: ") + cublasLtGetStatusString(status), where);
}

cublasLtHandle_t handle() {
    static const cublasLtHandle_t handle = [] {
        cublasLtHandle_t created;
        check(cublasLtCreate(&created));
        return created;
    }();
    return handle;
}

constexpr std::int64_t workspace_bytes = 32 << 20;

/// One, because one thread of the host at a time asks the GPU for something: where a sum is split,
/// its parts lie here until they are added.
void* workspace() {
    static const std::shared_ptr<void> memory = ldm::cuda::allocate(workspace_bytes);
    return memory.get();
}

cudaDataType_t data_type(DType dtype) {
    return dtype == DType::f16 ? CUDA_R_16F : dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// A stack of column-major matrices, one after the other.
class Layout {
public:
    Layout(DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t count) {
        check(cublasLtMatrixLayoutCreate(&layout_, data_type(dtype), rows, columns, rows));
        const auto batch = static_cast<std::int32_t>(count);
        const std::int64_t stride = rows * columns;
        check(cublasLtMatrixLayoutSetAttribute(layout_, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                               sizeof batch));
        check(cublasLtMatrixLayoutSetAttribute(layout_, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                               &stride, sizeof stride));
    }
    ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
    Layout(const Layout&) = delete;
    Layout& operator=(const Layout&) = delete;
    operator cublasLtMatrixLayout_t() const { return layout_; }

private:
    cublasLtMatrixLayout_t layout_;
};

/// y[i] = op(a[i]) op(b[i]) (+ bias along the columns of y), i < count; everything but the
/// pointers.
struct Product {
    DType dtype, y_dtype;
    // y is [count, m, n]
    std::int64_t count, m, k, n;
    bool a_transposed, b_transposed, bias;
    Precision precision;

    auto operator<=>(const Product&) const = default;
};

class Operation {
public:
    explicit Operation(const Product& p) {
        const bool rounded = p.dtype == DType::f32 && p.precision == Precision::bf16;
        check(cublasLtMatmulDescCreate(
            &operation_, rounded ? CUBLAS_COMPUTE_32F_FAST_16BF : CUBLAS_COMPUTE_32F, CUDA_R_32F));
        // its A is our b
        set(CUBLASLT_MATMUL_DESC_TRANSA, p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
        set(CUBLASLT_MATMUL_DESC_TRANSB, p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    }
    ~Operation() { cublasLtMatmulDescDestroy(operation_); }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    operator cublasLtMatmulDesc_t() const { return operation_; }

    /// One number for each row of its result, which is a column of ours.
    void add_bias(const void* bias) {
        set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
        set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }

private:
    template <class Value>
    void set(cublasLtMatmulDescAttributes_t attribute, Value value) {
        check(cublasLtMatmulDescSetAttribute(operation_, attribute, &value, sizeof value));
    }
    cublasLtMatmulDesc_t operation_;
};

/// cuBLAS's advice which of its kernels to take, asked for once for each kind of product.
cublasLtMatmulAlgo_t algorithm(const Product& product, const Operation& operation, const Layout& a,
                               const Layout& b, const Layout& y) {
    static std::mutex mutex;
    static std::map<Product, cublasLtMatmulAlgo_t> known;
    const std::scoped_lock lock(mutex);
    if (const auto found = known.find(product); found != known.end()) return found->second;

    cublasLtMatmulPreference_t preference;
    check(cublasLtMatmulPreferenceCreate(&preference));
    const std::size_t bytes = workspace_bytes;
    check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &bytes, sizeof bytes));
    // where a sum is split, its parts are float32
    const std::uint32_t sums = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    check(cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &sums, sizeof sums));
    cublasLtMatmulHeuristicResult_t result;
    int count = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle(), operation, a, b, y, y, preference, 1, &result,
                                         &count));
    cublasLtMatmulPreferenceDestroy(preference);
    expect(count == 1, "cuBLAS knows no way to multiply " + to_string(Shape{product.m, product.k}) +
                           " by " + to_string(Shape{product.k, product.n}));
    return known[product] = result.algo;
}

Tensor multiply(const Product& p, const Tensor& a, const Tensor& b, const Tensor& bias, Shape shape,
                const ComputeContext& context) {
    Tensor y(std::move(shape), p.y_dtype, Device::cuda);
    context.add_flops(2.0 * p.count * p.m * p.n * p.k);
    if (y.size() == 0) return y;
    if (p.k == 0)
        return bias ? cuda::broadcast_to(bias, y.shape()) : cuda::zeros_like(y, y.shape());
    expect(a.dtype() == b.dtype() && (!bias || a.dtype() == bias.dtype()),
           "matrices of " + name_of(a.dtype()) + " and " + name_of(b.dtype()));

    const Layout of_b(p.dtype, p.b_transposed ? p.k : p.n, p.b_transposed ? p.n : p.k, p.count);
    const Layout of_a(p.dtype, p.a_transposed ? p.m : p.k, p.a_transposed ? p.k : p.m, p.count);
    const Layout of_y(p.y_dtype, p.n, p.m, p.count);
    Operation operation(p);
    if (bias) operation.add_bias(bias.address());
    const cublasLtMatmulAlgo_t chosen = algorithm(p, operation, of_b, of_a, of_y);
    const float one = 1.0f, zero = 0.0f;
    check(cublasLtMatmul(handle(), operation, &one, b.address(), of_b, a.address(), of_a, &zero,
                         y.address(), of_y, y.address(), of_y, &chosen, workspace(),
                         workspace_bytes, stream()));
    return y;
}

Tensor multiply_stacks(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
                       DType y_dtype, const ComputeContext& context) {
    const std::int64_t count = a.dim(0), m = a.dim(a_transposed ? 2 : 1),
                       k = a.dim(a_transposed ? 1 : 2), n = b.dim(b_transposed ? 1 : 2);
    return multiply({a.dtype(), y_dtype, count, m, k, n, a_transposed, b_transposed, false,
                     context.precision_on(Device::cuda)},
                    a, b, {}, {count, m, n}, context);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
              const ComputeContext& context) {
    return multiply_stacks(a, b, a_transposed, b_transposed, a.dtype(), context);
}

Tensor matmul_as_float(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
                       const ComputeContext& context) {
    return multiply_stacks(a, b, a_transposed, b_transposed, DType::f32, context);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ComputeContext& context) {
    const auto [rows, in] = x.dims<2>();
    const std::int64_t out = weight.dim(0);
    return multiply({x.dtype(), x.dtype(), 1, rows, in, out, false, true, static_cast<bool>(bias),
                     context.precision_on(Device::cuda)},
                    x, weight, bias, {rows, out}, context);
}

Tensor sum_rows(const Tensor& x) { return cuda::sum_to(x, {1, x.dim(1)}).reshape({x.dim(1)}); }

}  // namespace ldm::ops::cuda
