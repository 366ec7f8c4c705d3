#include "common/ops/norm_cpu.h"

#include "common/ops/parallel.h"

#include <cmath>
#include <vector>

namespace ldm::ops::cpu {

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset,
                     float eps) {
    const auto [rows, length, run, parameters] = layout;
    Normalized result{Tensor(x.shape()), Tensor({rows}), Tensor({rows})};
    parallel_for(rows, 1, [&, length = length, run = run, parameters = parameters](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const float* in = x.data() + row * length;
            float* out = result.y.data() + row * length;

            // Two passes: the variance from the differences to the mean loses no digits.
            double sum = 0.0;
            for (std::int64_t i = 0; i < length; ++i) sum += in[i];
            const float mean = static_cast<float>(sum / length);
            double squares = 0.0;
            for (std::int64_t i = 0; i < length; ++i) squares += (in[i] - mean) * (in[i] - mean);
            const float inverse = static_cast<float>(1.0 / std::sqrt(squares / length + eps));
            result.mean.data()[row] = mean;
            result.inverse_deviation.data()[row] = inverse;

            for (std::int64_t i = 0; i < length; i += run) {
                const std::int64_t p = (row * length + i) / run % parameters;
                const float factor = inverse * scale.data()[p], term = offset.data()[p];
                for (std::int64_t j = i; j < i + run; ++j) out[j] = (in[j] - mean) * factor + term;
            }
        }
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
