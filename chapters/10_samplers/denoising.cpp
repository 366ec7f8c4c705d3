#include "chapters/10_samplers/denoising.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::samplers {
namespace {

Tensor same_time(const Tensor& x, double time) {
    Tensor t({x.dim(0)});
    std::ranges::fill(t.values(), static_cast<float>(time));
    return ops::to(t, x.device());
}

}  // namespace

Denoising::Denoising(const SigmaTable& table, const ddpm::SigmaSchedule& stops,
                     ddpm::Parameterization parameterization, const ddpm::Denoiser& model,
                     StepNoise noise, ChangeX0 change, const std::vector<double>& ends)
    : table_(table),
      stops_(stops),
      parameterization_(parameterization),
      model_(model),
      noise_(std::move(noise)),
      change_(std::move(change)),
      ends_(ends) {}

Tensor Denoising::operator()(const Tensor& y, double sigma) {
    const auto stop = std::ranges::find(stops_.sigmas, sigma) - stops_.sigmas.begin();
    if (stop >= steps()) return between(y, sigma);
    return predicted_x0(y, sigma, stops_.timesteps[stop]);
}

Tensor Denoising::between(const Tensor& y, double sigma) {
    return predicted_x0(y, sigma, table_.network_time(sigma));
}

//! [denoise]
Tensor Denoising::predicted_x0(const Tensor& y, double sigma, double time) {
    const Tensor x = to_x(y, sigma);
    const Tensor prediction = model_(x, same_time(x, time));

    Tensor x0;
    switch (parameterization_) {
        case ddpm::Parameterization::eps:
            x0 = combined(1, y, -sigma, prediction);
            break;
        case ddpm::Parameterization::x0:
            x0 = prediction;
            break;
        case ddpm::Parameterization::v:
            // sqrt(ac) x - sqrt(1 - ac) v
            x0 = combined(1 / std::hypot(sigma, 1), x, -sigma / std::hypot(sigma, 1), prediction);
            break;
    }
    unchanged_ = x0;
    if (change_) x0 = change_(x0, x, sigma);
    if (!first_) first_ = x0;
    return x0;
}
//! [denoise]

Tensor Denoising::eps(const Tensor& y, const Tensor& x0, double sigma) {
    return combined(1 / sigma, y, -1 / sigma, x0);
}

Tensor Denoising::noise(const Tensor& like, double from, double to) const {
    expect(static_cast<bool>(noise_), "this sampler needs noise");
    return ops::to(noise_(like.shape(), from, to), like.device());
}

Tensor Denoising::take_first() { return std::exchange(first_, {}); }

Tensor combined(double a, const Tensor& x, double b, const Tensor& y) {
    if (a == 1) return x + static_cast<float>(b) * y;
    return static_cast<float>(a) * x + static_cast<float>(b) * y;
}

Tensor to_x(const Tensor& y, double sigma) {
    return sigma == 0 ? y : static_cast<float>(1 / std::hypot(sigma, 1)) * y;
}

Tensor to_y(const Tensor& x, double sigma) {
    return sigma == 0 ? x : static_cast<float>(std::hypot(sigma, 1)) * x;
}

Tensor with_same_x(const Tensor& y, double from, double to) {
    return from == to ? y : static_cast<float>(std::hypot(to, 1) / std::hypot(from, 1)) * y;
}

}  // namespace ldm::samplers
