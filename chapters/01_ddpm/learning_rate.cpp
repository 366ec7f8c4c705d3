#include "chapters/01_ddpm/learning_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/error.h"

namespace ldm::ddpm {
namespace {

double on_line(double from, double to, double share) { return (to - from) * share + from; }

double on_cosine(double high, double low, double share) {
    return low + 0.5 * (high - low) * (1.0 + std::cos(std::numbers::pi * std::min(share, 1.0)));
}

double share_of(std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
}

WarmUpCosine warm_up_cosine(const io::Json& args) {
    io::expect_only_keys(args, {"warm_up_steps", "lr_min", "lr_max", "lr_start", "max_decay_steps"},
                         "args");
    const WarmUpCosine rate{.warm_up_steps = io::get<std::int64_t>(args, "warm_up_steps"),
                            .max_decay_steps = io::get<std::int64_t>(args, "max_decay_steps"),
                            .lr_min = io::get<double>(args, "lr_min"),
                            .lr_max = io::get<double>(args, "lr_max"),
                            .lr_start = io::get<double>(args, "lr_start")};
    expect(rate.max_decay_steps > rate.warm_up_steps,
           "'max_decay_steps' must be above 'warm_up_steps'");
    return rate;
}

Cycles cycles(const io::Json& args, Cycles::Descent descent) {
    io::expect_only_keys(args, {"warm_up_steps", "f_min", "f_max", "f_start", "cycle_lengths"},
                         "args");
    const auto warm_up = io::get<std::vector<std::int64_t>>(args, "warm_up_steps");
    const auto lengths = io::get<std::vector<std::int64_t>>(args, "cycle_lengths");
    const auto low = io::get<std::vector<double>>(args, "f_min");
    const auto high = io::get<std::vector<double>>(args, "f_max");
    const auto start = io::get<std::vector<double>>(args, "f_start");
    const auto count = lengths.size();
    expect(
        warm_up.size() == count && low.size() == count && high.size() == count &&
            start.size() == count,
        "'warm_up_steps', 'f_min', 'f_max', 'f_start', 'cycle_lengths': one number for each cycle");
    Cycles result{.cycles = {}, .descent = descent};
    for (std::size_t i = 0; i < count; ++i) {
        const bool decays = descent == Cycles::Descent::line || lengths[i] > warm_up[i];
        expect(lengths[i] > 0 && decays,
               "'cycle_lengths' must be above 0, and above 'warm_up_steps' for a cosine");
        result.cycles.push_back({warm_up[i], lengths[i], low[i], high[i], start[i]});
    }
    return result;
}

}  // namespace

//! [cosine]
double WarmUpCosine::operator()(std::int64_t n) const {
    if (n < warm_up_steps) return on_line(lr_start, lr_max, share_of(n, warm_up_steps));
    return on_cosine(lr_max, lr_min, share_of(n - warm_up_steps, max_decay_steps - warm_up_steps));
}
//! [cosine]

double Cycles::operator()(std::int64_t n) const {
    const std::int64_t step = n;
    for (const Cycle& c : cycles) {
        if (n > c.length) {
            n -= c.length;
            continue;
        }
        if (n < c.warm_up_steps) return on_line(c.f_start, c.f_max, share_of(n, c.warm_up_steps));
        if (descent == Descent::line)
            return on_line(c.f_min, c.f_max, share_of(c.length - n, c.length));
        return on_cosine(c.f_max, c.f_min,
                         share_of(n - c.warm_up_steps, c.length - c.warm_up_steps));
    }
    fail(fmt::format("learning rate: step {} is past the last cycle", step));
}

LearningRate learning_rate_from_json(const std::string& class_name, const io::Json& args) {
    if (class_name == "LambdaWarmUpCosineScheduler") return warm_up_cosine(args);
    if (class_name == "LambdaWarmUpCosineScheduler2") return cycles(args, Cycles::Descent::cosine);
    if (class_name == "LambdaLinearScheduler") return cycles(args, Cycles::Descent::line);
    fail(fmt::format("learning rate: unknown class '{}'", class_name));
}

}  // namespace ldm::ddpm
