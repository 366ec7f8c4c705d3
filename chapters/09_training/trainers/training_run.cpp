#include "chapters/09_training/trainers/training_run.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>

#include "chapters/09_training/data/prefetch.h"
#include "chapters/09_training/run/curve.h"
#include "common/device/memory.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/report/interrupt.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

/// A running mean of the loss this many times its lowest value has diverged.
constexpr double diverged = 1000.0;

/// Notices that a loss diverges or is not finite.
class LossMonitor {
public:
    void add(double loss) {
        if (!std::isfinite(loss)) throw NotFinite(fmt::format("the loss is {}", loss));
        mean_ = seen_++ == 0 ? loss : 0.9 * mean_ + 0.1 * loss;
        if (lowest_ > 0.0 && mean_ > diverged * lowest_)
            throw NotFinite(
                fmt::format("the loss has diverged: {:.4g}, after {:.4g}", mean_, lowest_));
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
        const TrainingConfig& config, TrainingFolder& folder, const Limits& limits)
        : what_(std::move(what)),
          trainer_(trainer),
          pictures_(pictures),
          config_(config),
          folder_(folder),
          limits_(limits),
          first_(folder.first_step()),
          curve_(folder.path() / "curve.csv", trainer.columns(), first_) {
        folder.restore(trainer.state());
    }

    bool go();

private:
    void add_to_curve(std::int64_t step, const StepResult& result, double learning_rate);
    void save(std::int64_t step);
    void show(std::int64_t step);

    std::string what_;
    Trainer& trainer_;
    const PictureFolder& pictures_;
    const TrainingConfig& config_;
    TrainingFolder& folder_;
    Limits limits_;
    std::int64_t first_;
    Curve curve_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

    double seconds() const {
        return folder_.first_seconds() +
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
};

void Run::save(std::int64_t step) {
    folder_.save(step, trainer_.state(), what_, seconds());
    draw_curve(curve_, {.title = what_}).save(folder_.path() / "curve.png");
}

void Run::show(std::int64_t step) {
    const fs::path samples = folder_.path() / "samples";
    io::make_folder(samples);
    image::save_png(samples / fmt::format("{:06}.png", step), trainer_.sample());
}

void Run::add_to_curve(std::int64_t step, const StepResult& result, double learning_rate) {
    curve_.add({.step = step,
                .seconds = seconds(),
                .samples = step * config_.batch_size * config_.accumulate_grad_batches,
                .learning_rate = learning_rate,
                .loss = result.loss,
                .extras = result.extras});
}

//! [loop]
bool Run::go() {
    const Batches batches(pictures_, config_.data, config_.batch_size, config_.seed);
    Prefetch<std::vector<Batch>> coming(
        [&](std::int64_t step) {
            std::vector<Batch> of_step;
            for (int k = 0; k < config_.accumulate_grad_batches; ++k)
                of_step.push_back(batches.at(step * config_.accumulate_grad_batches + k));
            return of_step;
        },
        first_);

    limits_.max_steps = std::min(limits_.max_steps, config_.steps);
    StepReport report(what_, first_, limits_);
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
            report.step(result.loss, config_.batch_size * config_.accumulate_grad_batches);
        } catch (const NotFinite& trouble) {
            throw Error(fmt::format("{}: step {}: {}; {}", what_, step + 1, trouble.what(),
                                    folder_.last_good()));
        }
        if (report.steps() % config_.checkpoint_every == 0) save(saved = report.steps());
        if (report.steps() % config_.sample_every == 0) show(report.steps());
    }
    if (saved != report.steps()) save(report.steps());
    if (report.stop() == Stop::interrupted) throw report::Interrupted();
    // The model first: it is what the training was for.
    trainer_.write_model(folder_.path() / "model");
    show(report.steps());
    return report.steps() >= config_.steps;
}
//! [loop]

}  // namespace

bool run_training(const std::string& what, Trainer& trainer, const PictureFolder& pictures,
                  const TrainingConfig& config, TrainingFolder& folder, const Limits& limits) {
    const ops::WithPrecision precision(config.precision);
    return Run(what, trainer, pictures, config, folder, limits).go();
}

}  // namespace ldm::train
