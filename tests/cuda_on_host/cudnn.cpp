#include "tests/cuda_on_host/cudnn.h"

#include <array>
#include <bit>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include "tests/cuda_on_host/cudnn_numbers.h"
#include "tests/cuda_on_host/device_memory.h"
#include "tests/cuda_on_host/stream.h"

namespace {

struct Layout {
    cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    // 0 until they are set
    std::array<int, 4> extents{};

    std::int64_t size() const {
        return std::int64_t{1} * extents[0] * extents[1] * extents[2] * extents[3];
    }
    std::int64_t bytes() const {
        return size() * static_cast<std::int64_t>(ldm::cuda_on_host::bytes_of(type));
    }
};

}  // namespace

struct cudnnTensorStruct : Layout {};
struct cudnnFilterStruct : Layout {};

struct cudnnConvolutionStruct {
    // the strides are 0 until they are set
    int pad_h = 0, pad_w = 0, stride_h = 0, stride_w = 0;
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace {

using Convolution = cudnnConvolutionStruct;

// ---- numbers

// rounds to the nearest number with 10 mantissa bits
float to_tf32(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return std::bit_cast<float>((bits + 0x0fff + (bits >> 13 & 1)) & ~std::uint32_t{0x1fff});
}

std::vector<double> factors(const void* data, const Layout& layout,
                            const Convolution& convolution) {
    std::vector<double> numbers = ldm::cuda_on_host::read_numbers(data, layout.type, layout.size());
    if (layout.type == CUDNN_DATA_FLOAT && convolution.math != CUDNN_FMA_MATH)
        for (double& number : numbers) number = to_tf32(static_cast<float>(number));
    return numbers;
}

// ---- descriptors

template <class Struct>
cudnnStatus_t create(Struct** created) {
    if (!created) return CUDNN_STATUS_BAD_PARAM;
    *created = new Struct;
    return CUDNN_STATUS_SUCCESS;
}

template <class Struct>
cudnnStatus_t destroy(Struct* created) {
    delete created;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set(Layout* layout, cudnnTensorFormat_t format, cudnnDataType_t type,
                  std::array<int, 4> extents) {
    if (!layout) return CUDNN_STATUS_BAD_PARAM;
    std::int64_t size = 1;
    for (const int extent : extents) {
        if (extent < 1) return CUDNN_STATUS_BAD_PARAM;
        size *= extent;
        if (size >= std::int64_t{1} << 31) return CUDNN_STATUS_NOT_SUPPORTED;
    }
    *layout = {format, type, extents};
    return CUDNN_STATUS_SUCCESS;
}

/// Whether the four describe one convolution.
cudnnStatus_t check(cudnnHandle_t handle, const Layout* x, const Layout* w,
                    const Convolution* convolution, const Layout* y) {
    if (!handle || !handle->stream) return CUDNN_STATUS_NOT_INITIALIZED;
    if (!x || !w || !convolution || !y || convolution->stride_h == 0) return CUDNN_STATUS_BAD_PARAM;
    for (const Layout* layout : {x, w, y}) {
        if (layout->size() == 0 || layout->type != x->type) return CUDNN_STATUS_BAD_PARAM;
        // a limit of this stand-in
        if (layout->format != CUDNN_TENSOR_NCHW) return CUDNN_STATUS_NOT_SUPPORTED;
    }
    const int rows = x->extents[2] + 2 * convolution->pad_h - w->extents[2],
              columns = x->extents[3] + 2 * convolution->pad_w - w->extents[3];
    if (x->extents[1] != w->extents[1] || rows < 0 || columns < 0) return CUDNN_STATUS_BAD_PARAM;
    const std::array expected{x->extents[0], w->extents[0], rows / convolution->stride_h + 1,
                              columns / convolution->stride_w + 1};
    if (y->extents != expected) return CUDNN_STATUS_BAD_PARAM;
    const bool by_type = x->type == CUDNN_DATA_FLOAT
                             ? convolution->math != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION
                             : convolution->math == CUDNN_TENSOR_OP_MATH;
    return by_type && convolution->compute == CUDNN_DATA_FLOAT ? CUDNN_STATUS_SUCCESS
                                                               : CUDNN_STATUS_NOT_SUPPORTED;
}

// ---- algorithms

/// What the algorithms here have in common with the library's of the same names.
struct Character {
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    // relative, over that of the direct sum
    double error = 0.0;
    // or each call has another error
    bool deterministic = true;
    // bytes of workspace
    std::size_t bytes = 0;
    // if they are asked for
    bool tensor_cores = true;
};

template <class Algorithm>
Character character(Algorithm algorithm, const Layout& x, const Layout& w, const Layout& y) {
    const auto patches =
        static_cast<std::size_t>(4 * w.size() / w.extents[0] * (y.size() / y.extents[1]));
    if constexpr (std::is_same_v<Algorithm, cudnnConvolutionFwdAlgo_t>) switch (algorithm) {
            case CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED:
                return {.error = 1e-2};
            // as much workspace as cuDNN wants for a very large picture
            case CUDNN_CONVOLUTION_FWD_ALGO_GEMM:
                return {.bytes = std::size_t{1} << 40};
            case CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM:
                return {.bytes = patches};
            case CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM:
                if (x.type == CUDNN_DATA_FLOAT) return {.status = CUDNN_STATUS_NOT_SUPPORTED};
                return {.error = 1e-2, .tensor_cores = false};
        }
    if constexpr (std::is_same_v<Algorithm, cudnnConvolutionBwdDataAlgo_t>) switch (algorithm) {
            case CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED:
                return {.error = 1e-2};
            case CUDNN_CONVOLUTION_BWD_DATA_ALGO_0:
                return {.error = 1e-2, .deterministic = false};
            case CUDNN_CONVOLUTION_BWD_DATA_ALGO_1:
                return {.bytes = static_cast<std::size_t>(x.bytes())};
        }
    if constexpr (std::is_same_v<Algorithm, cudnnConvolutionBwdFilterAlgo_t>) switch (algorithm) {
            case CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED:
                return {.error = 1e-2};
            case CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0:
                return {.error = 1e-2, .deterministic = false};
            case CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3:
                return {.error = 1e-2, .deterministic = false};
            case CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1:
                return {.bytes = patches};
        }
    return {.status = CUDNN_STATUS_BAD_PARAM};
}

/// Its advice: these algorithms in this order. The best is not the first, so that who takes the
/// first without a look is found out.
template <class Algorithm>
cudnnStatus_t advise(cudnnStatus_t checked, std::initializer_list<Algorithm> order, const Layout* x,
                     const Layout* w, const Convolution* convolution, const Layout* y,
                     int requested, int* returned, cudnnAlgoPerf<Algorithm>* results) {
    if (checked != CUDNN_STATUS_SUCCESS) return checked;
    if (requested < 1 || !returned || !results) return CUDNN_STATUS_BAD_PARAM;
    *returned = 0;
    for (const Algorithm algorithm : order) {
        if (*returned == requested) break;
        const Character its = character(algorithm, *x, *w, *y);
        results[(*returned)++] = {algorithm,
                                  its.status,
                                  -1.0f,
                                  its.bytes,
                                  its.deterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC,
                                  its.tensor_cores ? convolution->math : CUDNN_DEFAULT_MATH};
    }
    return CUDNN_STATUS_SUCCESS;
}

template <class Algorithm>
cudnnStatus_t workspace_size(cudnnStatus_t checked, Algorithm algorithm, const Layout* x,
                             const Layout* w, const Layout* y, std::size_t* bytes) {
    if (checked != CUDNN_STATUS_SUCCESS) return checked;
    if (!bytes) return CUDNN_STATUS_BAD_PARAM;
    const Character its = character(algorithm, *x, *w, *y);
    *bytes = its.bytes;
    return its.status;
}

/// Calls visit(i of x, i of w, i of y) for each product of the definition: y[i] += w[i] x[i].
template <class Visit>
void for_each_product(const Layout& x, const Layout& w, const Convolution& convolution,
                      const Layout& y, Visit visit) {
    const auto [pictures, channels, height, width] = x.extents;
    const auto [out, in, kernel_h, kernel_w] = w.extents;
    const int out_h = y.extents[2], out_w = y.extents[3];
    for (std::int64_t n = 0; n < pictures; ++n)
        for (int o = 0; o < out; ++o)
            for (int c = 0; c < channels; ++c)
                for (int u = 0; u < kernel_h; ++u)
                    for (int v = 0; v < kernel_w; ++v)
                        for (int i = 0; i < out_h; ++i)
                            for (int j = 0; j < out_w; ++j) {
                                const int row = i * convolution.stride_h + u - convolution.pad_h,
                                          column = j * convolution.stride_w + v - convolution.pad_w;
                                if (row < 0 || row >= height || column < 0 || column >= width)
                                    continue;
                                visit(((n * channels + c) * height + row) * width + column,
                                      ((o * in + c) * kernel_h + u) * kernel_w + v,
                                      ((n * out + o) * out_h + i) * out_w + j);
                            }
}

/// `result` = what `sum_up(as, bs, sums)` makes of the factors.
template <class SumUp>
cudnnStatus_t run(cudnnHandle_t handle, const void* alpha, const Layout& a_layout, const void* a,
                  const Layout& b_layout, const void* b, const Convolution& convolution,
                  const Character& its, void* workspace, std::size_t bytes, const void* beta,
                  const Layout& layout, void* result, SumUp sum_up) {
    if (its.status != CUDNN_STATUS_SUCCESS) return its.status;
    if (!alpha || !beta || *static_cast<const float*>(alpha) != 1.0f ||
        *static_cast<const float*>(beta) != 0.0f)
        return CUDNN_STATUS_NOT_SUPPORTED;
    const auto& memory = ldm::cuda_on_host::DeviceMemory::instance();
    for (const auto& [address, size] :
         {std::pair(a, a_layout.bytes()), std::pair(b, b_layout.bytes()),
          std::pair<const void*, std::int64_t>(result, layout.bytes())})
        if (!memory.contains(address, static_cast<std::size_t>(size)))
            return CUDNN_STATUS_BAD_PARAM;
    if (bytes < its.bytes || (bytes > 0 && !memory.contains(workspace, bytes)))
        return CUDNN_STATUS_BAD_PARAM;

    // captures copies of everything it refers to
    ldm::cuda_on_host::ask(handle->stream, [=] {
        const ldm::cuda_on_host::OpenMemory open;
        // it may be written from the first byte to the last
        if (bytes > 0) std::memset(workspace, 0xff, bytes);
        std::vector<double> sums(layout.size());
        sum_up(factors(a, a_layout, convolution), factors(b, b_layout, convolution), sums);
        static int calls = 0;
        const double error = its.deterministic ? its.error : its.error * (++calls % 7);
        for (double& sum : sums) sum *= 1.0 + error;
        ldm::cuda_on_host::write_numbers(result, layout.type, sums);
    });
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

const char* cudnnGetErrorString(cudnnStatus_t status) {
    switch (status) {
        case CUDNN_STATUS_SUCCESS:
            return "CUDNN_STATUS_SUCCESS";
        case CUDNN_STATUS_NOT_INITIALIZED:
            return "CUDNN_STATUS_NOT_INITIALIZED";
        case CUDNN_STATUS_BAD_PARAM:
            return "CUDNN_STATUS_BAD_PARAM";
        case CUDNN_STATUS_NOT_SUPPORTED:
            return "CUDNN_STATUS_NOT_SUPPORTED";
    }
    return "unknown";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) { return create(handle); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    if (!handle) return CUDNN_STATUS_BAD_PARAM;
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
    return create(tensor);
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    return set(tensor, format, type, {n, c, h, w});
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
    return destroy(tensor);
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
    return create(filter);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    return set(filter, format, type, {k, c, h, w});
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
    return destroy(filter);
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
    return create(convolution);
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h,
                                              int pad_w, int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
    if (!convolution || pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1)
        return CUDNN_STATUS_BAD_PARAM;
    // a limit of this stand-in
    if (dilation_h != 1 || dilation_w != 1 || mode != CUDNN_CROSS_CORRELATION)
        return CUDNN_STATUS_NOT_SUPPORTED;
    *convolution = {pad_h, pad_w, stride_h, stride_w, compute};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution,
                                          cudnnMathType_t math) {
    if (!convolution) return CUDNN_STATUS_BAD_PARAM;
    convolution->math = math;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) {
    return destroy(convolution);
}

// ---- y

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, int requested,
    int* returned, cudnnConvolutionFwdAlgoPerf_t* results) {
    return advise(
        check(handle, x, w, convolution, y),
        {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
         CUDNN_CONVOLUTION_FWD_ALGO_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM},
        x, w, convolution, y, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
    return workspace_size(check(handle, x, w, convolution, y), algorithm, x, w, y, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      cudnnTensorDescriptor_t x_layout, const void* x,
                                      cudnnFilterDescriptor_t w_layout, const void* w,
                                      cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      std::size_t bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_layout, void* y) {
    if (const cudnnStatus_t status = check(handle, x_layout, w_layout, convolution, y_layout);
        status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(
        handle, alpha, *x_layout, x, *w_layout, w, *convolution,
        character(algorithm, *x_layout, *w_layout, *y_layout), workspace, bytes, beta, *y_layout, y,
        [of_x = *x_layout, of_w = *w_layout, of_y = *y_layout, how = *convolution](
            const auto& xs, const auto& ws, auto& ys) {
            for_each_product(
                of_x, of_w, how, of_y,
                [&](std::int64_t i, std::int64_t j, std::int64_t k) { ys[k] += ws[j] * xs[i]; });
        });
}

// ---- dx

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t dx, int requested,
    int* returned, cudnnConvolutionBwdDataAlgoPerf_t* results) {
    return advise(check(handle, dx, w, convolution, dy),
                  {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
                   CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1},
                  dx, w, convolution, dy, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t dx,
    cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
    return workspace_size(check(handle, dx, w, convolution, dy), algorithm, dx, w, dy, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t w_layout, const void* w,
                                           cudnnTensorDescriptor_t dy_layout, const void* dy,
                                           cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_layout, void* dx) {
    if (const cudnnStatus_t status = check(handle, dx_layout, w_layout, convolution, dy_layout);
        status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(handle, alpha, *w_layout, w, *dy_layout, dy, *convolution,
               character(algorithm, *dx_layout, *w_layout, *dy_layout), workspace, bytes, beta,
               *dx_layout, dx,
               [of_x = *dx_layout, of_w = *w_layout, of_y = *dy_layout, how = *convolution](
                   const auto& ws, const auto& dys, auto& dxs) {
                   for_each_product(of_x, of_w, how, of_y,
                                    [&](std::int64_t i, std::int64_t j, std::int64_t k) {
                                        dxs[i] += ws[j] * dys[k];
                                    });
               });
}

// ---- dw

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t dw, int requested,
    int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
    return advise(
        check(handle, x, dw, convolution, dy),
        {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
         CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1},
        x, dw, convolution, dy, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
    return workspace_size(check(handle, x, dw, convolution, dy), algorithm, x, dw, dy, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_layout, const void* x,
                                             cudnnTensorDescriptor_t dy_layout, const void* dy,
                                             cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void* workspace, std::size_t bytes, const void* beta,
                                             cudnnFilterDescriptor_t dw_layout, void* dw) {
    if (const cudnnStatus_t status = check(handle, x_layout, dw_layout, convolution, dy_layout);
        status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(handle, alpha, *x_layout, x, *dy_layout, dy, *convolution,
               character(algorithm, *x_layout, *dw_layout, *dy_layout), workspace, bytes, beta,
               *dw_layout, dw,
               [of_x = *x_layout, of_w = *dw_layout, of_y = *dy_layout, how = *convolution](
                   const auto& xs, const auto& dys, auto& dws) {
                   for_each_product(of_x, of_w, how, of_y,
                                    [&](std::int64_t i, std::int64_t j, std::int64_t k) {
                                        dws[j] += xs[i] * dys[k];
                                    });
               });
}
