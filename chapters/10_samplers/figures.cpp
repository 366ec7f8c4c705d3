#include "chapters/10_samplers/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/10_samplers/samplers.h"
#include "common/figures/figure.h"
#include "common/figures/plot.h"
#include "common/figures/sheet.h"

namespace ldm::samplers {
namespace {

constexpr std::array calls_shown = {5, 10, 20, 50};

/// The samplers that can be given a number of steps.
std::vector<ddpm::SamplerKind> samplers_shown() {
    std::vector<ddpm::SamplerKind> shown;
    for (const ddpm::SamplerKind& kind : samplers())
        if (kind.name != "ddpm" && kind.name != "dpm_adaptive") shown.push_back(kind);
    return shown;
}

/// Two calls for each step but the last.
bool looks_twice(const ddpm::SamplerKind& kind) {
    return kind.name == "heun" || kind.name.starts_with("dpm2") || kind.name == "dpm++2s_a" ||
           kind.name == "dpm++sde";
}

int steps_for(const ddpm::SamplerKind& kind, int calls) {
    return looks_twice(kind) ? (calls + 1) / 2 : calls;
}

using OnStep = std::function<void()>;

figures::Tile draw(const pipeline::LatentDiffusion& model, const SamplersFigure& figure,
                   const ddpm::SamplerKind& kind, int calls, const OnStep& on_step) {
    pipeline::Txt2ImgRequest request = preferred_request(model.spec());
    request.prompts = {figure.prompt};
    request.seeds = {figure.seed};
    request.sampler = kind;
    request.schedule.clear();
    request.steps = steps_for(kind, calls);
    const auto result = txt2img(model, request, [&](const ddpm::SamplerStep&) {
        on_step();
        return true;
    });
    return {pipeline::to_uint8_image(result.pictures, 0)};
}

/// A row for each of these samplers.
figures::Canvas rows_of(const pipeline::LatentDiffusion& model, const SamplersFigure& figure,
                        const std::vector<ddpm::SamplerKind>& kinds, const OnStep& on_step) {
    std::vector<figures::Tile> tiles;
    figures::SheetStyle style{.columns = static_cast<int>(calls_shown.size()), .tile_size = 64};
    for (const ddpm::SamplerKind& kind : kinds) {
        style.row_labels.push_back(kind.label);
        for (const int calls : calls_shown)
            tiles.push_back(draw(model, figure, kind, calls, on_step));
    }
    for (const int calls : calls_shown)
        style.column_labels.push_back(fmt::format("{} calls", calls));
    return sheet(tiles, style);
}

figures::Curve curve_of(const Measured& measured) {
    figures::Curve curve{.name = measured.solver.name, .y = {}};
    for (std::size_t i = 0; i < measured.errors.calls.size(); ++i) {
        curve.x.push_back(static_cast<float>(measured.errors.calls[i]));
        curve.y.push_back(static_cast<float>(measured.errors.errors[i]));
    }
    return curve;
}

figures::Canvas panel(const std::vector<Measured>& measured,
                      const std::vector<std::string>& names) {
    std::vector<figures::Curve> curves;
    for (const std::string& name : names)
        for (const Measured& one : measured)
            if (one.solver.name == name) curves.push_back(curve_of(one));
    return figures::plot(curves, {.x_label = "calls of the network",
                                  .y_label = "error of y",
                                  .width = 470,
                                  .height = 420,
                                  .log_x = true,
                                  .log_y = true,
                                  .x_range = std::pair{8.0f, 400.0f},
                                  .y_range = std::pair{1e-6f, 0.3f}});
}

/// Two canvases side by side.
figures::Canvas beside(const figures::Canvas& left, const figures::Canvas& right, double gap) {
    figures::Canvas both(left.width() + gap + right.width(),
                         std::max(left.height(), right.height()));
    both.draw(left, {0, 0});
    both.draw(right, {left.width() + gap, 0});
    return both;
}

}  // namespace

figures::Canvas convergence_figure(const std::vector<Measured>& measured) {
    const auto left = panel(measured, {"Euler", "LMS 4", "DEIS 3", "DPM-Solver++ 2M",
                                       "DPM-Solver++ 3M", "UniPC 2", "UniPC 3"});
    const auto right = panel(measured, {"Euler", "Heun", "midpoint (DPM2)", "DPM-Solver++ 2S",
                                        "DPM-Solver++ 3S", "DPM-Solver 3S"});
    return figures::figure(
        "How fast the error falls", beside(left, right, 10),
        "Left one call of the network a step, right several. With twice the calls "
        "Euler's error halves, one of second order becomes 4 times smaller, of "
        "fourth order 16 times, until float32 rounds it away. At 10 calls the "
        "order says little.");
}

int samplers_figure_steps() {
    int count = 0;
    for (const ddpm::SamplerKind& kind : samplers_shown())
        for (const int calls : calls_shown) count += steps_for(kind, calls);
    return count;
}

figures::Canvas samplers_figure(const pipeline::LatentDiffusion& model,
                                const SamplersFigure& figure, const OnStep& on_step) {
    const std::vector<ddpm::SamplerKind> all = samplers_shown();
    const auto half = all.begin() + (std::ssize(all) + 1) / 2;
    const auto left = rows_of(model, figure, {all.begin(), half}, on_step);
    const auto right = rows_of(model, figure, {half, all.end()}, on_step);
    return figures::figure(
        fmt::format("\"{}\" by every sampler", figure.prompt), beside(left, right, 30),
        "The same noise at the beginning, and as many calls of the network as each column says: "
        "samplers that look twice in each step make half the steps. LCM and TCD are for models of "
        "their own kind, which this one is not.");
}

}  // namespace ldm::samplers
