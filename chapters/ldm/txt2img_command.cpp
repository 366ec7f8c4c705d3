#include <fmt/format.h>

#include <memory>
#include <optional>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/11_editing/hires.h"
#include "chapters/11_editing/variations.h"
#include "chapters/12_conditioners/conditioning_inputs.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/option_groups.h"
#include "common/image/image.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

constexpr int usual_neighbours = 4;

struct Options : DrawingOptions {
    // of the first picture; absent: no variation
    std::optional<std::uint64_t> variation_seed;
    double variation_strength = 0.1;
    // absent: drawn once
    std::optional<double> hires_scale;
    double hires_strength = editing::HiresRequest().strength;
    std::optional<int> hires_steps;
    // what conditions a picture beside its prompt, or in its place
    std::string class_label, like, classifier, classifier_class, index, segmentation;
    std::optional<int> neighbours;
    float classifier_scale = conditioners::ConditioningInputs().classifier_scale;
};

/// Reads the files that the options name, once for all pictures.
conditioners::ConditioningInputs inputs_of(const Options& options) {
    conditioners::ConditioningInputs inputs{.class_label = options.class_label,
                                            .classifier_label = options.classifier_class.empty()
                                                                    ? options.class_label
                                                                    : options.classifier_class,
                                            .classifier_scale = options.classifier_scale};
    if (!options.like.empty()) inputs.picture = image::load_image(options.like);
    if (!options.segmentation.empty())
        inputs.segmentation = image::load_image(options.segmentation);
    if (!options.index.empty()) {
        const auto index = std::make_shared<const conditioners::RetrievalIndex>(
            conditioners::RetrievalIndex::load(options.index));
        const int k = options.neighbours.value_or(usual_neighbours);
        if (k > index->size())
            throw Error(fmt::format("--neighbours {}: the index {} has {} pictures only", k,
                                    options.index, index->size()));
        inputs.index = index;
        inputs.neighbours = k;
    }
    if (!options.classifier.empty())
        inputs.classifier = std::make_shared<const conditioners::NoisyLatentClassifier>(
            options.classifier, device_from(options.device));
    return inputs;
}

Drawing only_txt2img() {
    return {.expect_possible = [](const auto& request,
                                  const auto& spec) { pipeline::expect_possible(request, spec); },
            .draw =
                [](const auto& model, const Batch& batch, const auto& observer) {
                    const auto drawn = pipeline::txt2img(model, batch.request, observer);
                    return Drawing::Result{drawn, pictures_of(drawn)};
                }};
}

/// By a class, a picture, a classifier; and by a prompt that no text encoder reads.
Drawing conditioned(const Options& options) {
    const conditioners::ConditioningInputs inputs = inputs_of(options);
    Drawing drawing = only_txt2img();
    drawing.expect_possible = [inputs](const auto& request, const auto& spec) {
        conditioners::expect_possible(request, inputs, spec);
    };
    drawing.draw = [inputs](const auto& model, const Batch& batch, const auto& observer) {
        const auto drawn = conditioners::draw(model, batch.request, inputs, observer);
        return Drawing::Result{drawn, pictures_of(drawn)};
    };
    drawing.parameters = [&](const pipeline::ModelSpec&, std::size_t) {
        std::string text;
        const auto add = [&text](const char* key, const std::string& value) {
            if (!value.empty()) text += fmt::format(", {}: {}", key, pipeline::quoted(value));
        };
        const auto name_of = [](const std::string& file) {
            return file.empty() ? file : pipeline::name_of_model(file);
        };
        add("Class", options.class_label);
        add("Like", name_of(options.like));
        add("Segmentation", name_of(options.segmentation));
        add("Index", name_of(options.index));
        if (!options.index.empty())
            text += fmt::format(", Neighbours: {}", options.neighbours.value_or(usual_neighbours));
        add("Classifier", name_of(options.classifier));
        add("Classifier class", options.classifier_class);
        if (!options.classifier.empty())
            text += fmt::format(", Classifier scale: {}", options.classifier_scale);
        return text;
    };
    return drawing;
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

/// What conditions a model without text encoder.
void add_conditioning_options(CLI::App& command, Options& options) {
    command.option_defaults()->group(picture_group);
    command.add_option("--class", options.class_label,
                       "For class-conditional models: the name or the number of a class");
    command
        .add_option("--like", options.like,
                    "For models that take vectors of CLIP: a picture in the prompt's place")
        ->type_name("FILE");
    auto* index = command
                      .add_option("--index", options.index,
                                  "For the same: tell also what this index (ldm index) finds near "
                                  "the prompt or\n--like")
                      ->type_name("FOLDER");
    command.add_option("--neighbours", options.neighbours, "How many it finds")
        ->check(CLI::Range(1, 64))
        ->needs(index)
        ->default_str(std::to_string(usual_neighbours));
    command
        .add_option("--segmentation", options.segmentation,
                    "For models that draw from a semantic map: a picture whose colours, or whose "
                    "grey values,\nare its labels")
        ->type_name("FILE");
    command
        .add_option("--classifier", options.classifier,
                    "Guide to --class by a classifier of noisy latents (ldm train classifier)")
        ->type_name("FOLDER");
    command
        .add_option("--classifier-class", options.classifier_class,
                    "Guide to this class instead, which does not condition the model")
        ->needs("--classifier");
    command
        .add_option("--classifier-scale", options.classifier_scale,
                    "How much: its gradient is multiplied by this")
        ->check(report::number_between(0.0, 1000.0))
        ->needs("--classifier")
        ->capture_default_str();
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
        add_conditioning_options(command, options_);
        add_further_options(command, options_);
    }

    DrawingOptions& options() override { return options_; }

    Drawing drawing() const override {
        return options_.hires_scale      ? hires_of(options_)
               : options_.variation_seed ? variations_of(options_)
                                         : conditioned(options_);
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
