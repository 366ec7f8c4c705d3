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

namespace {

/// A row on the way back: with h = (x - mean) r and g = dy scale,
///     dx = r (g - mean(g) - h mean(g h))
struct RowBack {
    const float *x, *dy;
    float mean, r;
    std::int64_t length, run;
    const float* scale;  // of the row's runs

    struct Sums {
        double g = 0.0, gh = 0.0;
    };

    /// What dy and dy h add up to goes into their runs' doffset and dscale.
    Sums add_up(double* dscale, double* doffset) const {
        double g = 0.0, gh = 0.0;
        if (run == 1) {
#pragma omp simd reduction(+ : g, gh)
            for (std::int64_t i = 0; i < length; ++i) {
                const double flow = dy[i], flow_h = flow * ((x[i] - mean) * r);
                doffset[i] += flow;
                dscale[i] += flow_h;
                g += flow * scale[i];
                gh += flow_h * scale[i];
            }
            return {g, gh};
        }
        for (std::int64_t k = 0; k < length / run; ++k) {
            const float *in = x + k * run, *flow = dy + k * run;
            const double sum = sum_lanes(run, [&](std::int64_t i, int lanes) { return load_lanes(flow + i, lanes); });
            const double sum_h = sum_lanes(run, [&](std::int64_t i, int lanes) {
                return load_lanes(flow + i, lanes) * ((load_lanes(in + i, lanes) - mean) * r);
            });
            doffset[k] += sum;
            dscale[k] += sum_h;
            g += sum * scale[k];
            gh += sum_h * scale[k];
        }
        return {g, gh};
    }

    void write(const Sums& sums, float* dx) const {
        //! [backward]
        const float mean_g = static_cast<float>(sums.g / length);
        const float mean_gh = static_cast<float>(sums.gh / length);
        for (std::int64_t i = 0; i < length; i += run) {
            const float gamma = scale[i / run];
            for (std::int64_t j = i; j < i + run; ++j) {
                const float h = (x[j] - mean) * r;
                dx[j] = r * (gamma * dy[j] - mean_g - h * mean_gh);
            }
        }
        //! [backward]
    }
};

}  // namespace

NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& scale) {
    const auto [rows, length, run, parameters] = layout;
    NormGradients d{Tensor(x.shape()), Tensor({parameters}), Tensor({parameters})};
    // Rows share parameters: pieces of the rows add up their own, and then the pieces are added in order.
    constexpr std::int64_t pieces = 32;
    const std::int64_t grain = std::max<std::int64_t>(1, (rows + pieces - 1) / pieces);
    std::vector<double> dscale(pieces * parameters, 0.0), doffset(pieces * parameters, 0.0);
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t mine = begin / grain * parameters;
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t p = row * length / run % parameters;
            const RowBack back{x.data() + row * length, dy.data() + row * length, forward.mean.data()[row],
                               forward.inverse_deviation.data()[row], length, run, scale.data() + p};
            const RowBack::Sums sums = back.add_up(dscale.data() + mine + p, doffset.data() + mine + p);
            back.write(sums, d.x.data() + row * length);
        }
    });
    for (std::int64_t p = 0; p < parameters; ++p) {
        double scale_sum = 0.0, offset_sum = 0.0;
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            scale_sum += dscale[piece * parameters + p];
            offset_sum += doffset[piece * parameters + p];
        }
        d.scale.data()[p] = static_cast<float>(scale_sum);
        d.offset.data()[p] = static_cast<float>(offset_sum);
    }
    return d;
}

}  // namespace ldm::ops::cpu
