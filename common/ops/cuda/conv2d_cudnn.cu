#include <limits>
#include <map>
#include <optional>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/conv2d_cudnn.h"
#include "common/ops/cuda/cudnn.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cudnn_use.h"

/// cuDNN is given the shapes of x, weight and y, and names algorithms for that, the one it expects
/// fastest first. All three functions are one template: a Direction says which of cuDNN's functions
/// compute y, which dx and which dweight.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

template <class Pointer, auto create, auto destroy>
class Descriptor {
public:
    Descriptor() { check(create(&pointer_)); }
    ~Descriptor() { destroy(pointer_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator Pointer() const { return pointer_; }

private:
    Pointer pointer_;
};
using TensorDescriptor =
    Descriptor<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using FilterDescriptor =
    Descriptor<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor =
    Descriptor<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor,
               cudnnDestroyConvolutionDescriptor>;

/// Everything about a convolution but the numbers.
struct Problem {
    DType dtype;
    Precision precision;
    // shape of x
    int pictures, channels, height, width;
    // shape of y
    int out, out_h, out_w;
    int kernel_h, kernel_w, stride, pad_h, pad_w;

    auto operator<=>(const Problem&) const = default;
};

/// The pixels of y along an axis.
std::int64_t extent(std::int64_t size, int before, int after, std::int64_t kernel, int stride) {
    const std::int64_t steps = size + before + after - kernel;
    return steps < 0 ? 0 : steps / stride + 1;
}

/// Empty where it cannot be put to cuDNN. It pads the end of an axis as it does the beginning.
/// Where something else is meant, that is all the same as long as y keeps its size: then no pixel
/// of y depends on what the end has too much or too little of. Otherwise a picture would have to be
/// copied into a larger one first, and its gradient out of one; our own kernel does without.
std::optional<Problem> problem_of(DType dtype, const Shape& x, const Shape& weight,
                                  const Conv2dOptions& options, Precision precision) {
    const auto [top, left, bottom, right] = options.padding;
    const std::int64_t out_h = extent(x[2], top, bottom, weight[2], options.stride),
                       out_w = extent(x[3], left, right, weight[3], options.stride);
    if (top < 0 || left < 0 || extent(x[2], top, top, weight[2], options.stride) != out_h ||
        extent(x[3], left, left, weight[3], options.stride) != out_w)
        return {};
    for (const std::int64_t size :
         {element_count(x), element_count(weight), element_count({x[0], weight[0], out_h, out_w})})
        if (size < 1 || size > std::numeric_limits<int>::max()) return {};

    const auto narrow = [](std::int64_t n) { return static_cast<int>(n); };
    return Problem{dtype,
                   precision,
                   narrow(x[0]),
                   narrow(x[1]),
                   narrow(x[2]),
                   narrow(x[3]),
                   narrow(weight[0]),
                   narrow(out_h),
                   narrow(out_w),
                   narrow(weight[2]),
                   narrow(weight[3]),
                   options.stride,
                   top,
                   left};
}

/// Which instructions may multiply. Where float32 shall stay exact, none of those that round the
/// factors first.
cudnnMathType_t math_type(const Problem& p) {
    if (p.dtype != DType::f32) return CUDNN_TENSOR_OP_MATH;
    return p.precision == Precision::f32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

/// The problem in cuDNN's words. The gradients of a tensor have the shape of the tensor.
struct Description {
    TensorDescriptor x, y;
    FilterDescriptor weight;
    ConvolutionDescriptor convolution;

    explicit Description(const Problem& p) {
        const cudnnDataType_t type = p.dtype == DType::f16    ? CUDNN_DATA_HALF
                                     : p.dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16
                                                              : CUDNN_DATA_FLOAT;
        check(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, type, p.pictures, p.channels,
                                         p.height, p.width));
        check(cudnnSetTensor4dDescriptor(y, CUDNN_TENSOR_NCHW, type, p.pictures, p.out, p.out_h,
                                         p.out_w));
        check(cudnnSetFilter4dDescriptor(weight, type, CUDNN_TENSOR_NCHW, p.out, p.channels,
                                         p.kernel_h, p.kernel_w));
        check(cudnnSetConvolution2dDescriptor(convolution, p.pad_h, p.pad_w, p.stride, p.stride, 1,
                                              1, CUDNN_CROSS_CORRELATION,
                                              // which sums are of, for 16-bit numbers too
                                              CUDNN_DATA_FLOAT));
        check(cudnnSetConvolutionMathType(convolution, math_type(p)));
    }
};

constexpr float one = 1.0f, zero = 0.0f;

/// y of x and weight.
struct Forward {
    using Advice = cudnnConvolutionFwdAlgoPerf_t;
    using Algorithm = cudnnConvolutionFwdAlgo_t;

    static Shape shape(const Problem& p) { return {p.pictures, p.out, p.out_h, p.out_w}; }
    static constexpr Algorithm on_tensor_cores = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    /// Whether it adds up the products of the definition.
    static bool is_direct(Algorithm a) {
        return a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM ||
               a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ||
               a == CUDNN_CONVOLUTION_FWD_ALGO_GEMM;
    }
    static cudnnStatus_t advise(const Description& d, int most, int* count, Advice* advice) {
        return cudnnGetConvolutionForwardAlgorithm_v7(cudnn_handle(), d.x, d.weight, d.convolution,
                                                      d.y, most, count, advice);
    }
    static cudnnStatus_t workspace(const Description& d, Algorithm a, std::size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(cudnn_handle(), d.x, d.weight, d.convolution,
                                                       d.y, a, bytes);
    }
    static cudnnStatus_t run(const Description& d, Algorithm a, void* workspace, std::size_t bytes,
                             const void* x, const void* weight, void* y) {
        return cudnnConvolutionForward(cudnn_handle(), &one, d.x, x, d.weight, weight,
                                       d.convolution, a, workspace, bytes, &zero, d.y, y);
    }
};

/// dx of dy and weight.
struct BackwardInput {
    using Advice = cudnnConvolutionBwdDataAlgoPerf_t;
    using Algorithm = cudnnConvolutionBwdDataAlgo_t;

    static Shape shape(const Problem& p) { return {p.pictures, p.channels, p.height, p.width}; }
    static constexpr Algorithm on_tensor_cores = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
    static bool is_direct(Algorithm a) {
        return a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 || a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
    }
    static cudnnStatus_t advise(const Description& d, int most, int* count, Advice* advice) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnn_handle(), d.weight, d.y,
                                                           d.convolution, d.x, most, count, advice);
    }
    static cudnnStatus_t workspace(const Description& d, Algorithm a, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(cudnn_handle(), d.weight, d.y,
                                                            d.convolution, d.x, a, bytes);
    }
    static cudnnStatus_t run(const Description& d, Algorithm a, void* workspace, std::size_t bytes,
                             const void* dy, const void* weight, void* dx) {
        return cudnnConvolutionBackwardData(cudnn_handle(), &one, d.weight, weight, d.y, dy,
                                            d.convolution, a, workspace, bytes, &zero, d.x, dx);
    }
};

/// dweight of dy and x.
struct BackwardWeight {
    using Advice = cudnnConvolutionBwdFilterAlgoPerf_t;
    using Algorithm = cudnnConvolutionBwdFilterAlgo_t;

    static Shape shape(const Problem& p) { return {p.out, p.channels, p.kernel_h, p.kernel_w}; }
    static constexpr Algorithm on_tensor_cores = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
    static bool is_direct(Algorithm a) {
        return a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 ||
               a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 || a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
    }
    static cudnnStatus_t advise(const Description& d, int most, int* count, Advice* advice) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(
            cudnn_handle(), d.x, d.y, d.convolution, d.weight, most, count, advice);
    }
    static cudnnStatus_t workspace(const Description& d, Algorithm a, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnn_handle(), d.x, d.y,
                                                              d.convolution, d.weight, a, bytes);
    }
    static cudnnStatus_t run(const Description& d, Algorithm a, void* workspace, std::size_t bytes,
                             const void* dy, const void* x, void* dweight) {
        return cudnnConvolutionBackwardFilter(cudnn_handle(), &one, d.x, x, d.y, dy, d.convolution,
                                              a, workspace, bytes, &zero, d.weight, dweight);
    }
};

/// From cuDNN 9 on there are many ways to say so, which have their thousands in common; before,
/// there is one, and it is small.
bool is_unsupported(cudnnStatus_t status) {
    return status == CUDNN_STATUS_NOT_SUPPORTED ||
           (status >= 1000 && status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000);
}

/// How a problem is computed.
template <class Direction>
class Plan {
public:
    explicit Plan(const Problem& problem) : description_(problem) {
        typename Direction::Advice advice[16];
        int count = 0;
        if (Direction::advise(description_, std::size(advice), &count, advice) !=
            CUDNN_STATUS_SUCCESS)
            return;
        for (int i = 0; i < count && !found_; ++i)
            found_ = advice[i].status == CUDNN_STATUS_SUCCESS && will_do(problem, advice[i]);
    }

    bool found() const { return found_; }

    /// False, from now on, when cuDNN cannot after all.
    bool run(const void* a, const void* b, void* result) {
        const std::shared_ptr<void> workspace =
            workspace_bytes_ > 0 ? ldm::cuda::allocate(workspace_bytes_) : nullptr;
        const cudnnStatus_t status = Direction::run(description_, algorithm_, workspace.get(),
                                                    workspace_bytes_, a, b, result);
        found_ = !is_unsupported(status);
        if (!found_) return false;
        check(status);
        count_through_cudnn({.conv2d = 1});
        return true;
    }

private:
    /// Direct, for FFTs and Winograd's larger tiles lose digits, and in 16 bits many; the same
    /// result every time, so that a training can be repeated; no enormous workspace; and in 16 bits
    /// on tensor cores, for so does our own kernel.
    bool will_do(const Problem& problem, const typename Direction::Advice& advice) {
        algorithm_ = advice.algo;
        if (!Direction::is_direct(advice.algo) || advice.determinism != CUDNN_DETERMINISTIC)
            return false;
        if (problem.dtype != DType::f32 &&
            (advice.algo != Direction::on_tensor_cores || advice.mathType != CUDNN_TENSOR_OP_MATH))
            return false;
        return Direction::workspace(description_, advice.algo, &workspace_bytes_) ==
                   CUDNN_STATUS_SUCCESS &&
               workspace_bytes_ <= most_cudnn_workspace();
    }

    Description description_;
    typename Direction::Algorithm algorithm_{};
    std::size_t workspace_bytes_ = 0;
    bool found_ = false;
};

/// The result of a Direction, or an empty tensor. Looks for a plan once for each problem.
template <class Direction>
Tensor compute(const Tensor& a, const Tensor& b, const Shape& x_shape, const Shape& weight_shape,
               const Conv2dOptions& options, const ComputeContext& context) {
    const std::optional<Problem> problem =
        problem_of(a.dtype(), x_shape, weight_shape, options, context.precision_on(Device::cuda));
    if (!problem) return {};
    // never destroyed: cuDNN may be gone by then
    static auto& plans = *new std::map<Problem, Plan<Direction>>;
    const std::scoped_lock lock(cudnn_mutex);
    Plan<Direction>& plan = plans.try_emplace(*problem, *problem).first->second;
    if (!plan.found()) return {};
    Tensor result = like(a, Direction::shape(*problem));
    bool done = false;
    with_type(
        a, [&]<class T>(T) { done = plan.run(numbers<T>(a), numbers<T>(b), numbers<T>(result)); });
    return done ? result : Tensor();
}

/// y [N, C, pixels] += bias [C]
template <class T>
__global__ void add_bias_kernel(unsigned count, unsigned channels, unsigned pixels, const T* bias,
                                T* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        y[i] = from_float<T>(as_float(y[i]) +
                             as_float(bias[static_cast<unsigned>(i) / pixels % channels]));
}

}  // namespace

Tensor cudnn_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                    Conv2dOptions options, const ComputeContext& context) {
    Tensor y = compute<Forward>(x, weight, x.shape(), weight.shape(), options, context);
    if (y && bias)
        with_type(y, [&]<class T>(T) {
            const auto narrow = [](std::int64_t n) { return static_cast<unsigned>(n); };
            launch(add_bias_kernel<T>, blocks_for(y.size()), block_size, narrow(y.size()),
                   narrow(y.dim(1)), narrow(y.dim(2) * y.dim(3)), numbers<T>(bias), numbers<T>(y));
        });
    return y;
}

Tensor cudnn_conv2d_backward_input(const Tensor& dy, const Tensor& weight, const Shape& x_shape,
                                   Conv2dOptions options, const ComputeContext& context) {
    return compute<BackwardInput>(dy, weight, x_shape, weight.shape(), options, context);
}

Tensor cudnn_conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Shape& weight_shape,
                                    Conv2dOptions options, const ComputeContext& context) {
    return compute<BackwardWeight>(dy, x, x.shape(), weight_shape, options, context);
}

}  // namespace ldm::ops::cuda
