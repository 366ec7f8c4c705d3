#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/io/json.h"

/// Learning rate schedules: by what the learning rate is multiplied at step n, counted from 0.
/// Upstream: ldm/lr_scheduler.py.

namespace ldm::ddpm {

using LearningRate = std::function<double(std::int64_t n)>;

/// A straight line from lr_start up to lr_max during warm_up_steps, then half a cosine down to
/// lr_min at max_decay_steps, where it stays. (LambdaWarmUpCosineScheduler)
struct WarmUpCosine {
    std::int64_t warm_up_steps, max_decay_steps;
    double lr_min, lr_max, lr_start;

    double operator()(std::int64_t n) const;
};

/// The same again and again, each cycle with numbers of its own and n counted from its start. A
/// cycle owns the steps up to and including its end; past the last one is an Error.
struct Cycles {
    struct Cycle {
        std::int64_t warm_up_steps, length;
        double f_min, f_max, f_start;
    };
    enum class Descent {
        /// LambdaWarmUpCosineScheduler2
        cosine,
        /// LambdaLinearScheduler: f_min + (f_max - f_min) (length - n) / length
        line
    };
    std::vector<Cycle> cycles;
    Descent descent;

    double operator()(std::int64_t n) const;
};

/// One of the three by the name of its upstream class, with upstream's arguments. Throws an Error
/// for another name, for missing keys and for lengths that do not fit together.
LearningRate learning_rate_from_json(const std::string& class_name, const io::Json& args);

}  // namespace ldm::ddpm
