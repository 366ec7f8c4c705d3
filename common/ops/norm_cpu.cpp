#include "common/ops/norm_cpu.h"

#include "common/ops/parallel.h"
#include "common/ops/vector_math_cpu.h"

#include <cmath>
#include <vector>

/// The definition goes over a row three times: for the mean, for the squares of the differences to
/// it, and to level it. A group of a large picture does not fit into the cache, so here mean and
/// squares of each piece are taken while it is there (twice over the piece: no digits are lost) and
/// joined as in Chan, Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm" (1979).
namespace ldm::ops::cpu {
namespace {

struct Moments {
    double mean = 0.0;
    double squares = 0.0;  // sum of squared differences to the mean
};

/// The differences of some numbers to `center`; 0 in lanes that do not exist.
Floats differences(const float* in, int lanes, float center) {
    if (lanes == simd_width) return load(in) - center;
    Floats x = fill(center);
    for (int lane = 0; lane < lanes; ++lane) x[lane] = in[lane];
    return x - center;
}

Moments moments(const float* row, std::int64_t length) {
    constexpr std::int64_t piece = 4096;
    Moments whole;
    for (std::int64_t begin = 0; begin < length; begin += piece) {
        const float* in = row + begin;
        const std::int64_t count = std::min(piece, length - begin);
        const double mean = row[0] + sum_lanes(count, [in, row](std::int64_t i, int lanes) {
            return differences(in + i, lanes, row[0]);  // small, and 0 if all numbers are the same
        }) / count;
        const float center = static_cast<float>(mean);
        const double squares = sum_lanes(count, [in, center](std::int64_t i, int lanes) {
            const Floats difference = differences(in + i, lanes, center);
            return difference * difference;
        });
        const double before = begin, now = count, distance = mean - whole.mean;
        // squares are taken around `center`, a rounded mean: its distance to the mean comes off
        whole.squares += squares - now * (mean - center) * (mean - center) +
                         distance * distance * before * now / (before + now);
        whole.mean += distance * now / (before + now);
    }
    return whole;
}

}  // namespace

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset,
                     float eps) {
    Normalized result{Tensor(x.shape()), Tensor({layout.rows}), Tensor({layout.rows})};
    const std::int64_t length = layout.row_length, run = layout.run;
    const auto level = [&](std::int64_t row) {
        const float* in = x.data() + row * length;
        float* out = result.y.data() + row * length;
        const auto [exact_mean, squares] = moments(in, length);
        const float mean = static_cast<float>(exact_mean);
        const float inverse = static_cast<float>(1.0 / std::sqrt(squares / length + eps));
        result.mean.data()[row] = mean;
        result.inverse_deviation.data()[row] = inverse;

        if (run == 1 && length == layout.parameters) {
            for (std::int64_t i = 0; i < length; ++i)
                out[i] = (in[i] - mean) * (inverse * scale.data()[i]) + offset.data()[i];
            return;
        }
        for (std::int64_t i = 0; i < length; i += run) {
            const std::int64_t p = (row * length + i) / run % layout.parameters;
            const float factor = inverse * scale.data()[p], term = offset.data()[p];
            for (std::int64_t j = i; j < i + run; ++j) out[j] = (in[j] - mean) * factor + term;
        }
    };
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(length, 1));
    parallel_for(layout.rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) level(row);
    });
    return result;
}

/// With h = (x - mean) r and g = dy scale, the mean taken over the row:
///     dx = r (g - mean(g) - h mean(g h))
NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& scale) {
    const auto [rows, length, run, parameters] = layout;
    NormGradients d{Tensor(x.shape()), Tensor({parameters}), Tensor({parameters})};
    std::vector<double> dscale(parameters, 0.0), doffset(parameters, 0.0);
    for (std::int64_t row = 0; row < rows; ++row) {
        const float* in = x.data() + row * length;
        const float* flow = dy.data() + row * length;
        float* out = d.x.data() + row * length;
        const float mean = forward.mean.data()[row], r = forward.inverse_deviation.data()[row];
        double sum_g = 0.0, sum_gh = 0.0;
        for (std::int64_t i = 0; i < length; i += run) {
            const std::int64_t p = (row * length + i) / run % parameters;
            double run_dy = 0.0, run_dyh = 0.0;
            for (std::int64_t j = i; j < i + run; ++j) {
                run_dy += flow[j];
                run_dyh += static_cast<double>(flow[j]) * ((in[j] - mean) * r);
            }
            doffset[p] += run_dy;
            dscale[p] += run_dyh;
            sum_g += run_dy * scale.data()[p];
            sum_gh += run_dyh * scale.data()[p];
        }
        const float mean_g = static_cast<float>(sum_g / length);
        const float mean_gh = static_cast<float>(sum_gh / length);
        for (std::int64_t i = 0; i < length; i += run) {
            const float factor = scale.data()[(row * length + i) / run % parameters];
            for (std::int64_t j = i; j < i + run; ++j)
                out[j] = r * (flow[j] * factor - mean_g - (in[j] - mean) * r * mean_gh);
        }
    }
    std::ranges::copy(dscale, d.scale.data());
    std::ranges::copy(doffset, d.offset.data());
    return d;
}

}  // namespace ldm::ops::cpu
