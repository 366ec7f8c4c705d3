#include <map>
#include <optional>
#include <vector>

#include "common/device/cuda_device.h"
#include "common/ops/cuda/attention_cudnn.h"
#include "common/ops/cuda/cudnn.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cudnn_use.h"

/// cuDNN is given a graph of operations, here of one, and of the tensors between them. It names
/// engines for that, the one it expects to be fastest first, and compiles one into a plan;
/// addresses come last, with each call ("graph API" in its documentation, here without the C++
/// library that usually stands in front of it).
namespace ldm::ops::cuda {
// attention as one operation
#if CUDNN_VERSION >= 91300
namespace {

using namespace ldm::cuda;

template <class T>
constexpr auto attribute_type = CUDNN_TYPE_INT64;
template <>
constexpr auto attribute_type<bool> = CUDNN_TYPE_BOOLEAN;
template <>
constexpr auto attribute_type<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
constexpr auto attribute_type<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
constexpr auto attribute_type<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
constexpr auto attribute_type<const void*> = CUDNN_TYPE_VOID_PTR;

/// Something that cuDNN is given: attributes one by one, and then that these are all.
class Descriptor {
public:
    explicit Descriptor(cudnnBackendDescriptorType_t type) {
        cudnnBackendDescriptor_t created;
        check(cudnnBackendCreateDescriptor(type, &created));
        descriptor_.reset(created);
    }

    template <class T>
    Descriptor& set(cudnnBackendAttributeName_t name, std::initializer_list<T> values) {
        return set(name, attribute_type<T>, values.size(), values.begin());
    }
    Descriptor& set(cudnnBackendAttributeName_t name, const Shape& sizes) {
        return set(name, CUDNN_TYPE_INT64, sizes.size(), sizes.data());
    }
    Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
        const cudnnBackendDescriptor_t descriptor = other.get();
        return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &descriptor);
    }
    cudnnStatus_t try_finalize() { return cudnnBackendFinalize(get()); }
    Descriptor& finalize() {
        check(try_finalize());
        return *this;
    }

    cudnnBackendDescriptor_t get() const { return descriptor_.get(); }

private:
    Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    std::size_t count, const void* values) {
        check(
            cudnnBackendSetAttribute(get(), name, type, static_cast<std::int64_t>(count), values));
        return *this;
    }

    struct Destroy {
        void operator()(cudnnBackendDescriptor_t descriptor) const {
            cudnnBackendDestroyDescriptor(descriptor);
        }
    };
    std::unique_ptr<std::remove_pointer_t<cudnnBackendDescriptor_t>, Destroy> descriptor_;
};

/// Everything about an attention but the numbers.
struct Problem {
    cudnnDataType_t type;
    std::int64_t pictures, heads, queries, keys, width, out;

    auto operator<=>(const Problem&) const = default;
};

/// Empty where it cannot be put to cuDNN, or would compute something else: float32 would be
/// rounded first.
std::optional<Problem> problem_of(const Tensor& q, const Tensor& k, const Tensor& v,
                                  const AttentionRule& rule) {
    if (q.dtype() == DType::f32 || rule.causal || rule.key_padding_mask) return {};
    if (q.size() == 0 || v.size() == 0) return {};
    return Problem{q.dtype() == DType::f16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16,
                   q.dim(0),
                   q.dim(1),
                   q.dim(2),
                   k.dim(2),
                   q.dim(3),
                   v.dim(3)};
}

/// Names of the tensors, by which a call gives their addresses.
constexpr std::int64_t q_id = 1, k_id = 2, v_id = 3, y_id = 4, scale_id = 5;

/// Numbers without gaps.
Descriptor tensor(std::int64_t id, cudnnDataType_t type, const Shape& shape,
                  bool by_value = false) {
    Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {id})
        .set(CUDNN_ATTR_TENSOR_DATA_TYPE, {type})
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {by_value ? std::int64_t{sizeof(float)} : 16})
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape)
        .set(CUDNN_ATTR_TENSOR_STRIDES,
             {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], std::int64_t{1}})
        .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, {by_value})
        .finalize();
    return tensor;
}

/// The problem in cuDNN's words.
struct Description {
    Descriptor q, k, v, y, scale;
    Descriptor attention{CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR};
    Descriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};

    explicit Description(const Problem& p)
        : q(tensor(q_id, p.type, {p.pictures, p.heads, p.queries, p.width})),
          k(tensor(k_id, p.type, {p.pictures, p.heads, p.keys, p.width})),
          v(tensor(v_id, p.type, {p.pictures, p.heads, p.keys, p.out})),
          y(tensor(y_id, p.type, {p.pictures, p.heads, p.queries, p.out})),
          scale(tensor(scale_id, CUDNN_DATA_FLOAT, {1, 1, 1, 1}, true)) {
        attention.set(CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, q)
            .set(CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, k)
            .set(CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, v)
            .set(CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, y)
            .set(CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, scale)
            .finalize();
        graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, attention).finalize();
    }
};

/// How a problem is computed.
class Plan {
public:
    explicit Plan(const Problem& problem) : description_(problem) {
        gpu_.set(CUDNN_ATTR_DEVICEPROP_HANDLE, {cudnn_handle()}).finalize();
        engines_ = advised_engines();
        for (const Descriptor& engine : engines_) {
            Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
            plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine)
                .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, gpu_);
            if (plan.try_finalize() != CUDNN_STATUS_SUCCESS) continue;
            std::int64_t count = 0;
            check(cudnnBackendGetAttribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                           CUDNN_TYPE_INT64, 1, &count, &workspace_bytes_));
            if (workspace_bytes_ > static_cast<std::int64_t>(most_cudnn_workspace())) continue;
            plan_ = std::move(plan);
            return;
        }
    }

    bool found() const { return plan_.has_value(); }

    void run(const void* q, const void* k, const void* v, float scale, const void* y) const {
        const std::shared_ptr<void> workspace =
            workspace_bytes_ > 0 ? ldm::cuda::allocate(workspace_bytes_) : nullptr;
        Descriptor addresses(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
        addresses.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {q_id, k_id, v_id, y_id, scale_id})
            .set<const void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, {q, k, v, y, &scale})
            .set<const void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, {workspace.get()})
            .finalize();
        check(cudnnBackendExecute(cudnn_handle(), plan_->get(), addresses.get()));
    }

private:
    /// What cuDNN would do on this GPU, the fastest first; none where it cannot.
    std::vector<Descriptor> advised_engines() const {
        Descriptor advice(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        advice.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, description_.graph)
            .set(CUDNN_ATTR_ENGINEHEUR_MODE, {CUDNN_HEUR_MODE_A})
            .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, gpu_);
        if (advice.try_finalize() != CUDNN_STATUS_SUCCESS) return {};

        std::vector<Descriptor> engines;
        std::vector<cudnnBackendDescriptor_t> to_fill;
        for (int i = 0; i < 8; ++i)
            to_fill.push_back(engines.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
        std::int64_t count = 0;
        check(cudnnBackendGetAttribute(advice.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(to_fill), &count,
                                       to_fill.data()));
        engines.erase(engines.begin() + std::min(count, std::ssize(engines)), engines.end());
        return engines;
    }

    Description description_;
    Descriptor gpu_{CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR};
    std::vector<Descriptor> engines_;
    std::optional<Descriptor> plan_;
    std::int64_t workspace_bytes_ = 0;
};

}  // namespace

Tensor cudnn_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                       const ComputeContext& context) {
    const std::optional<Problem> problem = problem_of(q, k, v, rule);
    if (!problem) return {};
    // never destroyed: cuDNN may be gone by then
    static auto& plans = *new std::map<Problem, Plan>;
    const std::scoped_lock lock(cudnn_mutex);
    const Plan& plan = plans.try_emplace(*problem, *problem).first->second;
    if (!plan.found()) return {};
    context.add_flops(2.0 * q.dim(0) * q.dim(1) * q.dim(2) * k.dim(2) * (q.dim(3) + v.dim(3)));
    Tensor y = like(q, {q.dim(0), q.dim(1), q.dim(2), v.dim(3)});
    with_type(q, [&]<class T>(T) {
        plan.run(numbers<T>(q), numbers<T>(k), numbers<T>(v), rule.scale, numbers<T>(y));
    });
    count_through_cudnn({.attention = 1});
    return y;
}

#else

Tensor cudnn_attention(const Tensor&, const Tensor&, const Tensor&, const AttentionRule&,
                       const ComputeContext&) {
    return {};
}

#endif
}  // namespace ldm::ops::cuda
