#include "chapters/09_training/trainers/training_config.h"

#include <fmt/format.h>

namespace ldm::train {
namespace {

template <typename Number>
Number at_least(Number low, const io::Json& json, std::string_view key, Number fallback) {
    const Number value = io::get_or(json, key, fallback);
    if (!(value >= low))
        throw Error(fmt::format("'{}' is {}, expected at least {}", key, value, low));
    return value;
}

double share(const io::Json& json, std::string_view key, double fallback) {
    const double value = io::get_or(json, key, fallback);
    if (!(value >= 0.0 && value < 1.0))
        throw Error(fmt::format("'{}' is {}, expected 0 or more and less than 1", key, value));
    return value;
}

}  // namespace

TrainingConfig read_training_config(const io::Json& json,
                                    const std::vector<std::string>& own_keys) {
    std::vector<std::string> known = {"seed",
                                      "steps",
                                      "batch_size",
                                      "accumulate_grad_batches",
                                      "scale_lr",
                                      "precision",
                                      "learning_rate",
                                      "lr_schedule",
                                      "optimizer",
                                      "max_grad_norm",
                                      "ema_decay",
                                      "data",
                                      "checkpoint_every",
                                      "sample_every",
                                      "keep_checkpoints"};
    known.insert(known.end(), own_keys.begin(), own_keys.end());
    io::expect_only_keys(json, known, "the training's configuration");

    TrainingConfig config;
    config.seed = io::get_or(json, "seed", config.seed);
    // must be there
    for (const char* key : {"steps", "batch_size", "learning_rate"})
        static_cast<void>(io::get<double>(json, key));
    config.steps = at_least<std::int64_t>(1, json, "steps", 1);
    config.batch_size = at_least(1, json, "batch_size", 1);
    config.accumulate_grad_batches =
        at_least(1, json, "accumulate_grad_batches", config.accumulate_grad_batches);
    config.precision = ops::precision_from(io::get_or(json, "precision", "f32"));
    config.learning_rate = io::get<double>(json, "learning_rate");
    // 0 would train nothing, for hours
    if (!(config.learning_rate > 0.0))
        throw Error(
            fmt::format("'learning_rate' is {}, expected more than 0", config.learning_rate));
    if (io::get_or(json, "scale_lr", false))
        config.lr_scale = config.accumulate_grad_batches * config.batch_size;
    config.learning_rate *= config.lr_scale;
    config.lr_schedule = [](std::int64_t) { return 1.0; };
    if (json.contains("lr_schedule")) {
        const auto schedule = io::get<io::Json>(json, "lr_schedule");
        io::expect_only_keys(schedule, {"class", "args"}, "lr_schedule");
        config.lr_schedule = ddpm::learning_rate_from_json(io::get<std::string>(schedule, "class"),
                                                           io::get<io::Json>(schedule, "args"));
    }
    config.optimized.optimizer = io::get_or(json, "optimizer", config.optimized.optimizer);
    config.optimized.max_grad_norm = at_least(0.0, json, "max_grad_norm", 0.0);
    config.optimized.ema_decay = static_cast<float>(share(json, "ema_decay", 0.999));
    config.data = read_data_config(io::get_or(json, "data", io::Json::object()), "data");
    config.checkpoint_every =
        at_least<std::int64_t>(1, json, "checkpoint_every", config.checkpoint_every);
    config.sample_every = at_least<std::int64_t>(1, json, "sample_every", config.sample_every);
    config.keep_checkpoints = at_least(1, json, "keep_checkpoints", config.keep_checkpoints);
    return config;
}

}  // namespace ldm::train
