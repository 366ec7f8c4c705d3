#include "common/ops/cpu/norm.h"

#include <cmath>
#include <vector>

#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/vector_math.h"

/// The definition goes over a row three times: for the mean, for the squares of the differences to
/// it, and to normalize it. A group of a large picture does not fit into the cache, so here mean
/// and squares of each piece are taken while it is there (twice over the piece: no digits are lost)
/// and joined as in Chan, Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm" (1979).
namespace ldm::ops::cpu {
namespace {

struct MeanM2 {
    double mean = 0.0;
    // sum of squared differences to the mean
    double squares = 0.0;
};

/// The differences of some numbers to `center`; 0 in lanes that do not exist.
Floats differences(const float* in, int lanes, float center) {
    if (lanes == simd_width) return load(in) - center;
    Floats x = fill(center);
    for (int lane = 0; lane < lanes; ++lane) x[lane] = in[lane];
    return x - center;
}

MeanM2 moments(const float* row, std::int64_t length) {
    constexpr std::int64_t piece = 4096;
    MeanM2 whole;
    for (std::int64_t begin = 0; begin < length; begin += piece) {
        const float* in = row + begin;
        const std::int64_t count = std::min(piece, length - begin);
        const double mean = row[0] + sum_lanes(count, [in, row](std::int64_t i, int lanes) {
                                         // small, and 0 if all numbers are the same
                                         return differences(in + i, lanes, row[0]);
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

/// Rows whose mean and deviation are known.
struct NormalizedRows {
    const Tensor &x, &mean, &inverse_deviation;
    NormLayout layout;
    const Tensor &weight, &bias;

    /// write(i, lanes, y) for the numbers y of the row, a register at a time; i counts from the
    /// row's first.
    template <class Write>
    void for_row(std::int64_t row, const Write& write) const {
        const auto [rows, length, run, parameters] = layout;
        const float* in = x.data() + row * length;
        const float m = mean.data()[row], r = inverse_deviation.data()[row];
        const std::int64_t p = row * length / run % parameters;
        // weights and biases of the row's runs
        const float *gamma = weight.data() + p, *beta = bias.data() + p;
        if (run == 1)
            return for_lanes(length, [&](std::int64_t i, int lanes) {
                write(i, lanes,
                      (load_lanes(in + i, lanes) - m) * (r * load_lanes(gamma + i, lanes)) +
                          load_lanes(beta + i, lanes));
            });
        for (std::int64_t k = 0; k < length / run; ++k) {
            const float factor = r * gamma[k], term = beta[k];
            for_lanes(run, [&](std::int64_t j, int lanes) {
                write(k * run + j, lanes,
                      (load_lanes(in + k * run + j, lanes) - m) * factor + term);
            });
        }
    }
};

/// f(row) for all rows, shared out to the threads.
template <class F>
void for_rows(NormLayout layout, const F& f) {
    const std::int64_t grain =
        std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(layout.row_length, 1));
    parallel_for(layout.rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) f(row);
    });
}

Floats silu(Floats x) { return x * sigmoid(x); }

Floats silu_derivative(Floats x) {
    const Floats s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

}  // namespace

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                     float eps, Activation activation) {
    Normalized result{Tensor(x.shape()), Tensor({layout.rows}), Tensor({layout.rows})};
    const NormalizedRows rows{x, result.mean, result.inverse_deviation, layout, weight, bias};
    for_rows(layout, [&](std::int64_t row) {
        const auto [mean, squares] = moments(x.data() + row * layout.row_length, layout.row_length);
        result.mean.data()[row] = static_cast<float>(mean);
        result.inverse_deviation.data()[row] =
            static_cast<float>(1.0 / std::sqrt(squares / layout.row_length + eps));

        float* out = result.y.data() + row * layout.row_length;
        if (activation == Activation::silu)
            rows.for_row(row, [&](std::int64_t i, int lanes, Floats y) {
                store_lanes(out + i, silu(y), lanes);
            });
        else
            rows.for_row(
                row, [&](std::int64_t i, int lanes, Floats y) { store_lanes(out + i, y, lanes); });
    });
    return result;
}

Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& weight, const Tensor& bias) {
    Tensor before(x.shape());
    const NormalizedRows rows{x, forward.mean, forward.inverse_deviation, layout, weight, bias};
    for_rows(layout, [&](std::int64_t row) {
        const float* grad_output = dy.data() + row * layout.row_length;
        float* out = before.data() + row * layout.row_length;
        rows.for_row(row, [&](std::int64_t i, int lanes, Floats y) {
            store_lanes(out + i, load_lanes(grad_output + i, lanes) * silu_derivative(y), lanes);
        });
    });
    return before;
}

namespace {

/// The gradient of a row: with h = (x - mean) r and g = dy weight,
///     dx = r (g - mean(g) - h mean(g h))
struct RowBack {
    const float *x, *dy;
    float mean, r;
    std::int64_t length, run;
    // weights of the row's runs
    const float* weight;

    struct Sums {
        double g = 0.0, gh = 0.0;
    };

    /// What dy and dy h add up to goes into their runs' dbias and dweight.
    Sums add_up(double* dweight, double* dbias) const {
        double g = 0.0, gh = 0.0;
        if (run == 1) {
#pragma omp simd reduction(+ : g, gh)
            for (std::int64_t i = 0; i < length; ++i) {
                const double grad_output = dy[i], grad_h = grad_output * ((x[i] - mean) * r);
                dbias[i] += grad_output;
                dweight[i] += grad_h;
                g += grad_output * weight[i];
                gh += grad_h * weight[i];
            }
            return {g, gh};
        }
        for (std::int64_t k = 0; k < length / run; ++k) {
            const float *in = x + k * run, *grad_output = dy + k * run;
            const double sum = sum_lanes(
                run, [&](std::int64_t i, int lanes) { return load_lanes(grad_output + i, lanes); });
            const double sum_h = sum_lanes(run, [&](std::int64_t i, int lanes) {
                return load_lanes(grad_output + i, lanes) *
                       ((load_lanes(in + i, lanes) - mean) * r);
            });
            dbias[k] += sum;
            dweight[k] += sum_h;
            g += sum * weight[k];
            gh += sum_h * weight[k];
        }
        return {g, gh};
    }

    void write(const Sums& sums, float* dx) const {
        //! [backward]
        const float mean_g = static_cast<float>(sums.g / length);
        const float mean_gh = static_cast<float>(sums.gh / length);
        for (std::int64_t i = 0; i < length; i += run) {
            const float gamma = weight[i / run];
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
                                 NormLayout layout, const Tensor& weight) {
    const auto [rows, length, run, parameters] = layout;
    NormGradients d{Tensor(x.shape()), Tensor({parameters}), Tensor({parameters})};
    // Rows share parameters: pieces of the rows add up their own, and then the pieces are
    // added in order.
    constexpr std::int64_t pieces = 32;
    const std::int64_t grain = std::max<std::int64_t>(1, (rows + pieces - 1) / pieces);
    std::vector<double> dweight(pieces * parameters, 0.0), dbias(pieces * parameters, 0.0);
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t mine = begin / grain * parameters;
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t p = row * length / run % parameters;
            const RowBack back{x.data() + row * length,
                               dy.data() + row * length,
                               forward.mean.data()[row],
                               forward.inverse_deviation.data()[row],
                               length,
                               run,
                               weight.data() + p};
            const RowBack::Sums sums =
                back.add_up(dweight.data() + mine + p, dbias.data() + mine + p);
            back.write(sums, d.x.data() + row * length);
        }
    });
    for (std::int64_t p = 0; p < parameters; ++p) {
        double scale_sum = 0.0, offset_sum = 0.0;
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            scale_sum += dweight[piece * parameters + p];
            offset_sum += dbias[piece * parameters + p];
        }
        d.weight.data()[p] = static_cast<float>(scale_sum);
        d.bias.data()[p] = static_cast<float>(offset_sum);
    }
    return d;
}

}  // namespace ldm::ops::cpu
