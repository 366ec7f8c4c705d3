#include <fmt/format.h>

#include <memory>
#include <optional>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/11_editing/hires.h"
#include "chapters/11_editing/variations.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/option_groups.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    // of the first picture; absent: no variation
    std::optional<std::uint64_t> variation_seed;
    double variation_strength = 0.1;
    // absent: drawn once
    std::optional<double> hires_scale;
    double hires_strength = editing::HiresRequest().strength;
    std::optional<int> hires_steps;
};

Drawing only_txt2img() {
    return {.expect_possible = [](const auto& request,
                                  const auto& spec) { pipeline::expect_possible(request, spec); },
            .draw =
                [](const auto& model, const Batch& batch, const auto& observer) {
                    const auto drawn = pipeline::txt2img(model, batch.request, observer);
                    return Drawing::Result{drawn, pictures_of(drawn)};
                }};
}

/// As A1111 counts, all pictures have the first one's seed, and the seeds of their variations
/// follow each other.
Drawing variations_of(const Options& options) {
    Drawing drawing = only_txt2img();
    drawing.same_seed = true;
    drawing.draw = [&](const auto& model, const Batch& batch, const auto& observer) {
        std::vector<std::uint64_t> seeds;
        for (const std::size_t number : batch.numbers)
            seeds.push_back(*options.variation_seed + number);
        const pipeline::Txt2ImgRequest& request = batch.request;
        const ddpm::Noise noise = noise_of(request, model.device());
        const auto beginning = editing::variation(request, model.spec(), model.device(), noise,
                                                  seeds, options.variation_strength);
        const auto result = pipeline::draw(model, request, noise, beginning, observer);
        return Drawing::Result{result, pictures_of(result)};
    };
    drawing.parameters = [&](const pipeline::ModelSpec&, std::size_t number) {
        return fmt::format(", Variation seed: {}, Variation seed strength: {}",
                           *options.variation_seed + number, options.variation_strength);
    };
    return drawing;
}

Drawing hires_of(const Options& options) {
    const auto request_of = [&](const pipeline::Txt2ImgRequest& request) {
        return editing::HiresRequest{.drawing = request,
                                     .scale = *options.hires_scale,
                                     .strength = options.hires_strength,
                                     .steps = options.hires_steps};
    };
    Drawing drawing;
    drawing.encodes = true;
    drawing.expect_possible = [=](const auto& request, const auto& spec) {
        expect_possible(request_of(request), spec);
    };
    drawing.extent = [=](const auto& request, const auto& spec) {
        const pipeline::Txt2ImgRequest large = enlarged(request_of(request), spec);
        return image::Extent{large.width, large.height};
    };
    drawing.steps = [=](const auto& request, const auto& spec) {
        const editing::HiresRequest hires = request_of(request);
        const int second = step_count(enlarged(hires, spec), spec);
        return step_count(request, spec) + second - editing::first_step(second, hires.strength);
    };
    drawing.draw = [=](const auto& model, const Batch& batch, const auto& observer) {
        const auto drawn = editing::hires(model, request_of(batch.request), observer);
        return Drawing::Result{drawn, pictures_of(drawn)};
    };
    drawing.parameters = [&](const pipeline::ModelSpec&, std::size_t) {
        std::string text =
            fmt::format(", Denoising strength: {}, Hires upscale: {}, Hires upscaler: Lanczos",
                        options.hires_strength, *options.hires_scale);
        if (options.hires_steps) text += fmt::format(", Hires steps: {}", *options.hires_steps);
        return text;
    };
    return drawing;
}

/// Another picture near that of the seed, or a larger one.
void add_further_options(CLI::App& command, Options& options) {
    command.option_defaults()->group(changing_group);
    auto* variation = command
                          .add_option("--variation-seed", options.variation_seed,
                                      "Turn the noise of --seed towards that of another seed")
                          ->check(report::whole_number());
    command
        .add_option("--variation-strength", options.variation_strength,
                    "How far: 0 is the one, 1 the other")
        ->check(report::number_between(0.0, 1.0))
        ->needs(variation)
        ->capture_default_str();
    auto* hires = command
                      .add_option("--hires-scale", options.hires_scale,
                                  "Enlarge the picture by this factor and draw it again")
                      ->check(report::number_between(1.0, 8.0))
                      ->excludes(variation);
    command
        .add_option("--hires-strength", options.hires_strength,
                    "How much is drawn anew then, as img2img's --strength")
        ->check(report::number_between(0.0, 1.0))
        ->needs(hires)
        ->capture_default_str();
    command
        .add_option("--hires-steps", options.hires_steps, "Steps of then (default: those before)")
        ->check(CLI::Range(1, 1000))
        ->needs(hires);
}

class Txt2Img : public DrawingCommand {
public:
    void add_options(CLI::App& command) override {
        add_drawing_options(command, options_);
        add_further_options(command, options_);
    }

    DrawingOptions& options() override { return options_; }

    Drawing drawing() const override {
        return options_.hires_scale      ? hires_of(options_)
               : options_.variation_seed ? variations_of(options_)
                                         : only_txt2img();
    }

private:
    Options options_;
};

}  // namespace

void add_txt2img(CLI::App& app, int& status) {
    add_drawing_command(
        app, "txt2img", "Draw a picture of a prompt", [] { return std::make_unique<Txt2Img>(); },
        status);
}

}  // namespace ldm::program
