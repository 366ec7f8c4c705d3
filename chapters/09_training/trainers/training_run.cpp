#include "chapters/09_training/trainers/training_run.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>

#include "chapters/09_training/data/prefetch.h"
#include "chapters/09_training/run/checkpoints.h"
#include "chapters/09_training/run/curve.h"
#include "common/device/memory.h"
#include "common/image/png.h"
#include "common/report/interrupt.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

// times the lowest running mean
constexpr double exploded = 1000.0;
constexpr const char* only_when_to_write[] = {"steps", "checkpoint_every", "sample_every",
                                              "keep_checkpoints"};

/// The settings that must be the same when a training goes on.
io::Json what_matters(io::Json config) {
    for (const char* key : only_when_to_write) config.erase(key);
    return config;
}

/// Notices that a loss has left everything it was like before.
class LossMonitor {
public:
    void add(double loss) {
        if (!std::isfinite(loss)) throw NotFinite(fmt::format("the loss is {}", loss));
        mean_ = seen_++ == 0 ? loss : 0.9 * mean_ + 0.1 * loss;
        if (lowest_ > 0.0 && mean_ > exploded * lowest_)
            throw NotFinite(
                fmt::format("the loss has exploded: {:.4g}, after {:.4g}", mean_, lowest_));
        lowest_ = std::min(lowest_, mean_);
    }

private:
    std::int64_t seen_ = 0;
    double mean_ = 0.0, lowest_ = std::numeric_limits<double>::infinity();
};

/// A training and its folder.
class Run {
public:
    Run(std::string what, Trainer& trainer, const PictureFolder& pictures,
        const TrainingConfig& config, const io::Json& config_json, const RunOptions& options)
        : what_(std::move(what)),
          trainer_(trainer),
          pictures_(pictures),
          config_(config),
          config_json_(config_json),
          options_(options),
          data_(pictures.fingerprint()),
          first_(resumed()),
          checkpoints_(folder("checkpoints"), config.keep_checkpoints),
          curve_(options.output / "curve.csv", trainer.columns(), first_) {}

    bool go();

private:
    fs::path folder(const char* name) const { return options_.output / name; }
    std::int64_t resumed();
    void add_to_curve(std::int64_t step, const StepResult& result, double learning_rate);
    void save(std::int64_t step);
    void show(std::int64_t step);
    std::string last_good() const;

    std::string what_;
    Trainer& trainer_;
    const PictureFolder& pictures_;
    const TrainingConfig& config_;
    const io::Json& config_json_;
    const RunOptions& options_;
    // what the pictures were when it began
    std::string data_;
    // of earlier programs
    double seconds_before_ = 0.0;
    fs::path last_saved_;
    // resumed() fills this and the two above
    std::int64_t first_;
    Checkpoints checkpoints_;
    Curve curve_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

    double seconds() const {
        return seconds_before_ +
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
};

/// Takes the trainer back to the last checkpoint, if there is one; how many steps were done there.
std::int64_t Run::resumed() {
    const auto saved = latest_state(folder("checkpoints"));
    if (!saved) return 0;
    if (!options_.resume)
        throw Error(fmt::format("{} holds a training already; --resume goes on with it",
                                options_.output.string()));
    const io::Json before =
        io::parse_json(saved->text("config"), "the configuration of the checkpoint");
    if (const io::Json now = what_matters(config_json_), then = what_matters(before); now != then)
        for (const io::Json& change : io::Json::diff(then, now))
            throw Error(fmt::format("{} was trained with another '{}' so far",
                                    options_.output.string(),
                                    change["path"].get<std::string>().substr(1)));
    if (saved->text("data") != data_)
        throw Error(fmt::format("{} was trained with other pictures or captions so far",
                                options_.output.string()));
    Weights state = trainer_.state();
    read_weights(saved->file(), state);
    seconds_before_ = std::stod(saved->text("seconds"));
    last_saved_ = folder("checkpoints") / state_file_name(saved->step());
    report::message(fmt::format("going on after step {}", saved->step()));
    return saved->step();
}

void Run::save(std::int64_t step) {
    const Weights state = on(trainer_.state(), Device::cpu);
    last_saved_ = checkpoints_.save(step, entries_of(state),
                                    {{"what", what_},
                                     {"config", config_json_.dump()},
                                     {"data", data_},
                                     {"seconds", fmt::format("{}", seconds())}});
    image::save_png(options_.output / "curve.png", draw_curve(curve_, {.title = what_}));
}

void Run::show(std::int64_t step) {
    fs::create_directories(folder("samples"));
    image::save_png(folder("samples") / fmt::format("{:06}.png", step), trainer_.sample());
}

void Run::add_to_curve(std::int64_t step, const StepResult& result, double learning_rate) {
    curve_.add({.step = step,
                .seconds = seconds(),
                .samples = step * config_.batch_size * config_.accumulate,
                .learning_rate = learning_rate,
                .loss = result.loss,
                .extras = result.extras});
}

std::string Run::last_good() const {
    return last_saved_.empty()
               ? "there is no checkpoint yet"
               : fmt::format("the last good checkpoint is {}", last_saved_.string());
}

//! [loop]
bool Run::go() {
    const Batches batches(pictures_, config_.data, config_.batch_size, config_.seed);
    Prefetch<std::vector<Batch>> coming(
        [&](std::int64_t step) {
            std::vector<Batch> of_step;
            for (int k = 0; k < config_.accumulate; ++k)
                of_step.push_back(batches.at(step * config_.accumulate + k));
            return of_step;
        },
        first_);

    Limits limits = options_.limits;
    limits.max_steps = std::min(limits.max_steps, config_.steps);
    StepReport report(what_, first_, limits);
    LossMonitor loss_monitor;
    std::int64_t saved = first_;
    // the first step shows how much a step needs
    let_wait(0);
    while (report.stop() == Stop::not_yet) {
        // done so far
        const std::int64_t step = report.steps();
        try {
            const double learning_rate = config_.learning_rate * config_.lr_schedule(step);
            const StepResult result = trainer_.step(step, coming.next(), learning_rate);
            // what one step frees, the next one needs again: nearly the same sizes
            let_wait(memory_use().peak / 8 * 9);
            loss_monitor.add(result.loss);
            add_to_curve(step + 1, result, learning_rate);
            report.step(result.loss, config_.batch_size * config_.accumulate);
        } catch (const NotFinite& trouble) {
            throw Error(
                fmt::format("{}: step {}: {}; {}", what_, step + 1, trouble.what(), last_good()));
        }
        if (report.steps() % config_.checkpoint_every == 0) save(saved = report.steps());
        if (report.steps() % config_.sample_every == 0) show(report.steps());
    }
    if (saved != report.steps()) save(report.steps());
    if (report.stop() == Stop::interrupted) throw report::Interrupted();
    show(report.steps());
    trainer_.write_model(folder("model"));
    return report.steps() >= config_.steps;
}
//! [loop]

}  // namespace

bool run_training(const std::string& what, Trainer& trainer, const PictureFolder& pictures,
                  const TrainingConfig& config, const io::Json& config_json,
                  const RunOptions& options) {
    const ops::WithPrecision precision(config.precision);
    fs::create_directories(options.output);
    return Run(what, trainer, pictures, config, config_json, options).go();
}

}  // namespace ldm::train
