#include "chapters/09_training/trainers/timestep_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

/// The density of T u^p at x T, relative to a uniform draw. The rarest time steps would get
/// unbounded weights: at most five times.
double density(double x, double power) {
    return std::max(std::pow(x, 1.0 / power - 1.0) / power, 0.2);
}

}  // namespace

TimestepSampler::Config TimestepSampler::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"snr_weight_max", "time_power"}, "timestep_sampling");
    Config config;
    config.snr_weight_max = io::get_or(json, "snr_weight_max", config.snr_weight_max);
    config.time_power = io::get_or(json, "time_power", config.time_power);
    if (!(config.snr_weight_max >= 1.0)) throw Error("'snr_weight_max' must be at least 1");
    if (!(config.time_power > 0.0 && config.time_power <= 1.0))
        throw Error("'time_power' must be more than 0 and at most 1");
    return config;
}

TimestepSampler::TimestepSampler(const ddpm::Schedule& schedule, const Config& config)
    : config_(config), logvar_({schedule.timesteps()}) {
    const int count = schedule.timesteps();
    for (int t = 0; t < count; ++t) {
        const double ac = schedule.alphas_cumprod.data()[t];
        const double weight = std::min((1.0 - ac) / ac + 1.0, config.snr_weight_max);
        logvar_.data()[t] =
            static_cast<float>(-std::log(weight / density((t + 0.5) / count, config.time_power)));
    }
}

//! [draw]
Tensor TimestepSampler::draw(random::TorchGenerator& random, std::int64_t n) const {
    const auto count = static_cast<double>(logvar_.size());
    std::vector<float> chance(n);
    random.uniform(chance);
    Tensor t({n}, DType::i32);
    for (std::int64_t i = 0; i < n; ++i) {
        const double u = (static_cast<double>(i) + chance[i]) / static_cast<double>(n);
        t.ints()[i] = static_cast<std::int32_t>(
            std::min(count * std::pow(u, config_.time_power), count - 1.0));
    }
    return t;
}
//! [draw]

double TimestepSampler::mean_logvar(const Tensor& t) const {
    const Tensor here = ops::to(t, Device::cpu);
    double sum = 0.0;
    for (std::int64_t i = 0; i < t.size(); ++i) sum += logvar_.data()[here.ints()[i]];
    return sum / static_cast<double>(t.size());
}

}  // namespace ldm::train
