#pragma once

#include <string>
#include <vector>

#include "chapters/01_ddpm/schedule.h"
#include "common/io/json.h"

namespace ldm::pipeline {

/// The scheduler_config.json of a diffusers folder: the class, and each key's value or the class's
/// default. Upstream: diffusers 0.42.1, src/diffusers/schedulers/.
class SchedulerSettings {
public:
    /// Throws an Error that names an unknown class, a key that no scheduler has, a value of another
    /// type, and a value that asks for what cannot be done (flow matching, learned variances). A
    /// key that only other classes have is ignored, as upstream does.
    explicit SchedulerSettings(const io::Json& config);

    /// "DDIMScheduler"
    const std::string& class_name() const { return class_name_; }

    /// The value of a key that the class has.
    template <class T>
    [[nodiscard]] T get(std::string_view key) const {
        return io::get<T>(values_, key);
    }
    [[nodiscard]] bool has(std::string_view key) const { return io::has(values_, key); }

    /// Whether the class has that key, with true or with this word.
    [[nodiscard]] bool asks_for(std::string_view key) const { return has(key) && get<bool>(key); }
    [[nodiscard]] bool is(std::string_view key, std::string_view word) const {
        return has(key) && get<std::string>(key) == word;
    }

    /// What it says about the training, under the keys of our config.json: beta_schedule,
    /// linear_start, linear_end, timesteps, parameterization. CompVis's "linear" betas are called
    /// "scaled_linear" by diffusers, whose own "linear" is CompVis's "sqrt_linear".
    [[nodiscard]] io::Json model_settings() const;

    /// Somebody knows better than the file what the network predicts.
    void set_prediction(ddpm::Parameterization prediction);

    /// The noise schedule and what the network predicts, with zero terminal SNR if asked for.
    [[nodiscard]] ddpm::Schedule schedule() const;

private:
    /// In float32 as upstream has them: 1 - beta is the float32 alpha.
    std::vector<double> betas() const;

    std::string class_name_;
    io::Json values_;
};

/// The names of all classes.
std::vector<std::string> scheduler_classes();

}  // namespace ldm::pipeline
