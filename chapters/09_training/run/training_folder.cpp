#include "chapters/09_training/run/training_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <system_error>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/report/progress.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

/// No step depends on these: they may change when a training goes on.
constexpr const char* no_step_depends_on[] = {"steps", "sampler", "checkpoint_every",
                                              "sample_every", "keep_checkpoints"};

io::Json what_steps_depend_on(io::Json config) {
    for (const char* key : no_step_depends_on) config.erase(key);
    return config;
}

/// The name of an AtomicFile that was never finished: "curve.png.part1234".
bool is_unfinished(const fs::path& name) {
    const std::string ending = name.extension().string(), before = name.stem().extension().string();
    const std::string_view part = ".part";
    const bool is_part = ending.size() > part.size() && ending.starts_with(part) &&
                         std::all_of(ending.begin() + part.size(), ending.end(),
                                     [](unsigned char c) { return std::isdigit(c); });
    return is_part && (before == ".csv" || before == ".png" || before == ".txt" ||
                       before == ".json" || before == ".safetensors");
}

void remove_unfinished(const fs::path& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
        if (is_unfinished(entry.path().filename())) fs::remove(entry.path(), ignored);
}

}  // namespace

TrainingFolder::TrainingFolder(fs::path path, io::Json config, std::string data,
                               const Options& options)
    : path_(std::move(path)),
      config_(std::move(config)),
      data_(std::move(data)),
      checkpoints_(path_ / "checkpoints", options.keep_checkpoints),
      saved_(resumed(options.resume)) {
    for (const char* folder : {"", "samples", "model"}) remove_unfinished(path_ / folder);
    if (!saved_) return;
    first_seconds_ = std::stod(saved_->text("seconds"));
    last_saved_ = saved_->file().path();
    report::message(fmt::format("going on after step {}", saved_->step()));
}

std::optional<SavedState> TrainingFolder::resumed(bool resume) const {
    const std::size_t count = checkpoints_.count();
    if (count == 0) return std::nullopt;
    if (!resume)
        throw Error(
            fmt::format("{} holds a training already; --resume goes on with it", path_.string()));
    auto saved = latest_state(path_ / "checkpoints");
    if (!saved)
        throw Error(fmt::format(
            "{}: none of the {} checkpoints can be read, so there is nothing to resume; remove "
            "them, or name another --output, to begin anew",
            (path_ / "checkpoints").string(), count));
    expect_same_training(*saved);
    return saved;
}

void TrainingFolder::expect_same_training(const SavedState& saved) const {
    const io::Json now = what_steps_depend_on(config_),
                   then = what_steps_depend_on(
                       io::parse_json(saved.text("config"), "the configuration of the checkpoint"));
    for (const io::Json& change : io::Json::diff(then, now))
        throw Error(fmt::format("{} was trained with another '{}' so far", path_.string(),
                                io::get<std::string>(change, "path").substr(1)));
    if (saved.text("data") != data_)
        throw Error(
            fmt::format("{} was trained with other pictures or captions so far", path_.string()));
}

void TrainingFolder::restore(Weights state) const {
    if (saved_) read_weights(saved_->file(), state);
}

void TrainingFolder::save(std::int64_t step, const Weights& state, const std::string& what,
                          double seconds) {
    const Weights here = on(state, Device::cpu);
    last_saved_ = checkpoints_.save(step, entries_of(here),
                                    {{"what", what},
                                     {"config", config_.dump()},
                                     {"data", data_},
                                     {"seconds", fmt::format("{}", seconds)}});
}

std::string TrainingFolder::last_good() const {
    return last_saved_.empty()
               ? "there is no checkpoint yet"
               : fmt::format("the last good checkpoint is {}", last_saved_.string());
}

}  // namespace ldm::train
