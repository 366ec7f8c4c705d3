#include "chapters/10_samplers/normal_mixture.h"

#include <algorithm>
#include <cmath>

#include "common/ops/transfer.h"

namespace ldm::samplers {

NormalMixture::NormalMixture(std::vector<Part> parts) : parts_(std::move(parts)) {
    expect(!parts_.empty(), "a mixture of no distributions");
}

//! [denoised]
double NormalMixture::denoised(double y, double sigma) const {
    // how likely each part is, given y, up to one factor: relative to the likeliest
    std::vector<double> logs;
    for (const auto& [weight, mean, deviation] : parts_) {
        const double variance = deviation * deviation + sigma * sigma;
        logs.push_back(std::log(weight / std::sqrt(variance)) -
                       (y - mean) * (y - mean) / (2 * variance));
    }
    const double largest = std::ranges::max(logs);
    double sum = 0, total = 0;
    for (std::size_t k = 0; k < parts_.size(); ++k) {
        const double s2 = parts_[k].deviation * parts_[k].deviation, sigma2 = sigma * sigma;
        const double share = std::exp(logs[k] - largest);
        sum += share * (s2 * y + sigma2 * parts_[k].mean) / (s2 + sigma2);
        total += share;
    }
    return sum / total;
}
//! [denoised]

double NormalMixture::solution(double y, double from, double to) const {
    if (parts_.size() == 1) {
        const auto [weight, mean, s] = parts_[0];
        return mean + (y - mean) * std::hypot(s, to) / std::hypot(s, from);
    }
    // over u = log sigma, in which dy/du = y - D
    constexpr int steps = 1000;
    const double begin = std::log(from), h = (std::log(to) - begin) / steps;
    const auto slope = [this](double at, double u) { return at - denoised(at, std::exp(u)); };
    for (int i = 0; i < steps; ++i) {
        const double u = begin + i * h;
        const double k1 = slope(y, u), k2 = slope(y + h / 2 * k1, u + h / 2);
        const double k3 = slope(y + h / 2 * k2, u + h / 2), k4 = slope(y + h * k3, u + h);
        y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    return y;
}

ddpm::Denoiser NormalMixture::denoiser(const SigmaTable& table) const {
    return [mixture = *this, table](const Tensor& x, const Tensor& t) {
        const Tensor on_cpu = ops::to(x, Device::cpu), times = ops::to(t, Device::cpu);
        Tensor eps(x.shape());
        const std::int64_t each = x.size() / x.dim(0);
        for (std::int64_t i = 0; i < x.size(); ++i) {
            const std::int64_t n = i / each;
            const double time = times.dtype() == DType::i32 ? times.ints()[n] : times.data()[n];
            const double sigma = table.sigma(time), y = on_cpu.data()[i] * std::hypot(sigma, 1);
            eps.data()[i] = static_cast<float>((y - mixture.denoised(y, sigma)) / sigma);
        }
        return ops::to(eps, x.device());
    };
}

}  // namespace ldm::samplers
