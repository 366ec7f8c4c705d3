#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/report/progress.h"

namespace ldm::program {

/// What a person sees meanwhile: a line for loading, for the steps and for decoding.
class DrawingDisplay {
public:
    DrawingDisplay() : activity_(std::in_place, "loading the model") {}

    void plan(std::int64_t steps) { steps_ = steps; }

    /// A network is being loaded; the decoder belongs to decoding.
    void load(std::string_view part) {
        if (progress_ && left_ == 0) return;
        activity_.emplace(fmt::format("loading {}", part));
    }

    void begin_batch(int steps) { left_ = steps; }

    void step() {
        activity_.reset();
        if (!progress_) progress_.emplace("drawing", steps_);
        progress_->step();
        if (--left_ == 0) activity_.emplace("decoding the latents");
    }

    void finish_batch() { activity_.reset(); }

private:
    std::optional<report::Progress> progress_;
    std::optional<report::Activity> activity_;
    std::int64_t steps_ = 0;
    // of the batch that is drawn
    int left_ = 0;
};

}  // namespace ldm::program
