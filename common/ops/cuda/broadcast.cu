#include "common/device/cuda.cuh"
#include "common/ops/broadcast_indexer.h"
#include "common/ops/cuda/axes.cuh"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/cuda/map.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/reduce.cuh"

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

template <class Index>
Axes<Index> axes_of(const BroadcastIndexer& indexer) {
    Axes<Index> axes;
    for (std::size_t i = 0; i < indexer.extents.size(); ++i)
        axes.push(indexer.extents[i], indexer.steps_a[i], indexer.steps_b[i]);
    return axes;
}

template <class T, class Index, class F>
__global__ void combine_kernel(Index count, Axes<Index> axes, const T* a, const T* b, T* y, F f) {
    for (auto i = static_cast<Index>(first_index()); i < count;
         i += static_cast<Index>(grid_stride())) {
        const auto at = axes[i];
        y[i] = from_float<T>(f(as_float(a[at.a]), as_float(b[at.b])));
    }
}

template <class F>
Tensor combine(const Tensor& a, const Tensor& b, F f) {
    // as residuals are added: no indexing along axes, 16 bytes at a time
    if (a.shape() == b.shape()) return map(a, b, f);
    Tensor y = like(a, broadcast_shape(a.shape(), b.shape()));
    const BroadcastIndexer indexer(y.shape(), a.shape(), b.shape());
    with_type(a, [&]<class T>(T) {
        with_index(y.size(), [&]<class Index>(Index) {
            launch(combine_kernel<T, Index, F>, blocks_for(y.size()), block_size,
                   static_cast<Index>(y.size()), axes_of<Index>(indexer), numbers<T>(a),
                   numbers<T>(b), numbers<T>(y), f);
        });
    });
    return y;
}

/// Sums over the axes `gone` for each place of the axes `kept`, in double precision. A block has 32
/// neighbouring sums side by side and 32 shares of each, so that a warp reads neighbours where the
/// innermost axis stays, and a few long sums keep the GPU busy, too.
constexpr int sums_at_once = 32, shares = 32;

template <class T, class Index>
__global__ void __launch_bounds__(sums_at_once* shares)
    sum_kept_innermost_kernel(Index sums, Index length, Axes<Index> kept, Axes<Index> gone,
                              const T* x, T* y) {
    __shared__ double parts[shares][sums_at_once];
    const Index own = static_cast<Index>(blockIdx.x) * sums_at_once + threadIdx.x;
    double sum = 0.0;
    if (own < sums) {
        const Index begin = kept[own].a;
// four loads are in flight at once
#pragma unroll 4
        for (Index i = threadIdx.y; i < length; i += shares) sum += as_float(x[begin + gone[i].a]);
    }
    parts[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || own >= sums) return;
    for (int share = 1; share < shares; ++share) sum += parts[share][threadIdx.x];
    y[kept[own].b] = from_float<T>(static_cast<float>(sum));
}

/// The same with a block for each sum: for rows whose neighbours are added up.
template <class T, class Index>
__global__ void sum_gone_innermost_kernel(Index length, Axes<Index> kept, Axes<Index> gone,
                                          const T* x, T* y) {
    const auto at = kept[blockIdx.x];
    double sum = 0.0;
    for (Index i = threadIdx.x; i < length; i += block_size) sum += as_float(x[at.a + gone[i].a]);
    sum = reduce_block(sum, Sum());
    if (threadIdx.x == 0) y[at.b] = from_float<T>(static_cast<float>(sum));
}

}  // namespace

Tensor binary(Binary op, const Tensor& a, const Tensor& b) {
    switch (op) {
        case Binary::add:
            return combine(a, b, [] __device__(float x, float y) { return x + y; });
        case Binary::sub:
            return combine(a, b, [] __device__(float x, float y) { return x - y; });
        case Binary::mul:
            return combine(a, b, [] __device__(float x, float y) { return x * y; });
        case Binary::div:
            return combine(a, b, [] __device__(float x, float y) { return x / y; });
    }
    fail("no such function");
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    expect(broadcast_shape(x.shape(), shape) == shape,
           to_string(x.shape()) + " does not broadcast to " + to_string(shape));
    return combine(x, like(x, shape), [] __device__(float v, float) { return v; });
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    expect(broadcast_shape(x.shape(), shape) == x.shape(),
           to_string(x.shape()) + " cannot be summed to " + to_string(shape));
    const BroadcastIndexer indexer(x.shape(), x.shape(), shape);
    Tensor y = like(x, shape);
    const std::int64_t length = y.size() == 0 ? 0 : x.size() / y.size();
    const bool innermost_stays = indexer.steps_b[0] != 0;
    with_type(x, [&]<class T>(T) {
        with_index(x.size(), [&]<class Index>(Index) {
            Axes<Index> kept, gone;
            for (std::size_t i = 0; i < indexer.extents.size(); ++i)
                (indexer.steps_b[i] == 0 ? gone : kept)
                    .push(indexer.extents[i], indexer.steps_a[i], indexer.steps_b[i]);
            const auto sums = static_cast<Index>(y.size()), terms = static_cast<Index>(length);
            if (innermost_stays)
                launch(sum_kept_innermost_kernel<T, Index>,
                       dim3(static_cast<unsigned>((y.size() + sums_at_once - 1) / sums_at_once)),
                       dim3(sums_at_once, shares), sums, terms, kept, gone, numbers<T>(x),
                       numbers<T>(y));
            else
                launch(sum_gone_innermost_kernel<T, Index>, dim3(static_cast<unsigned>(y.size())),
                       block_size, terms, kept, gone, numbers<T>(x), numbers<T>(y));
        });
    });
    return y;
}

}  // namespace ldm::ops::cuda
