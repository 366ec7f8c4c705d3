#include "chapters/ldm/drawing_run.h"

#include <fmt/format.h>
#include <omp.h>

#include <optional>
#include <utility>

#include "chapters/08_ldm_pipeline/prediction.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/11_editing/further_channels.h"
#include "chapters/11_editing/tiled_first_stage.h"
#include "common/io/safetensors.h"
#include "common/io/utf8.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/report/interrupt.h"
#include "common/report/progress.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using pipeline::LatentDiffusion;
using pipeline::Txt2ImgRequest;
using pipeline::Txt2ImgResult;

/// Ctrl-C waits for it.
void save_latents(const fs::path& path, const Txt2ImgResult& result) {
    const report::InterruptGuard finish_first;
    // an entry only points to its numbers
    std::vector<Tensor> here;
    std::vector<io::TensorEntry> entries;
    const auto add = [&](const std::string& name, const Tensor& x) {
        here.push_back(ops::to(ops::to(x, DType::f32), Device::cpu));
        entries.push_back(io::entry_of(name, x.shape(), here.back().values()));
    };
    add("noise", result.noise);
    for (std::size_t i = 0; i < result.steps.size(); ++i)
        add(fmt::format("step.{}", i), result.steps[i].x);
    add("final", result.latents);
    io::write_safetensors(path, entries);
    report::throw_if_interrupted();
}

/// The prompts `first` to `first + count`, as one batch.
Txt2ImgRequest batch_of(const Txt2ImgRequest& base, const std::vector<std::string>& prompts,
                        const std::vector<std::uint64_t>& seeds, std::size_t first,
                        std::size_t count) {
    Txt2ImgRequest request = base;
    request.prompts.assign(prompts.begin() + first, prompts.begin() + first + count);
    request.seeds.assign(seeds.begin() + first, seeds.begin() + first + count);
    return request;
}

void expect_usable_type(Device device, DType dtype) {
    expect_usable(device);
    if (device == Device::cpu && dtype != DType::f32)
        throw Error(
            fmt::format("--dtype {} is for --device cuda; on a processor there is --precision bf16",
                        dtype == DType::f16 ? "f16" : "bf16"));
}

/// A small model has seen one size only, and other sizes come out distorted.
void warn_of_size(const Txt2ImgRequest& request, const pipeline::OpenedModel& model) {
    const int size = model.spec.image_size;
    if (model.source.layout() == nn::ModelSource::Layout::folder &&
        (request.width != size || request.height != size))
        report::message(fmt::format(
            "this model was trained on pictures of {0}x{0}; other sizes come out distorted", size));
}

/// The settings of picture i as other programs write them, and the LoRAs: `, Lora: "cat: 0.8"`.
std::string picture_text(const DrawingOptions& options, const LatentDiffusion& model,
                         const Txt2ImgRequest& request, std::size_t i, const std::string& more) {
    std::string text = parameters_text(model, request, i) + more;
    std::string loras;
    for (const std::string& lora_text : options.lora) {
        const train::LoraOption lora = train::lora_option(lora_text);
        loras += fmt::format("{}{}: {:g}", loras.empty() ? "" : ", ",
                             text::printable(lora.path.stem().string()), lora.strength);
    }
    return loras.empty() ? text : fmt::format("{}, Lora: \"{}\"", text, loras);
}

/// What a person sees meanwhile: a line for loading, for the steps and for decoding.
class Display {
public:
    Display() : activity_(std::in_place, "loading the model") {}

    void plan(std::int64_t batches, std::int64_t steps_of_a_batch) {
        batches_ = batches;
        steps_of_a_batch_ = steps_of_a_batch;
    }

    /// A network is being loaded; the decoder belongs to decoding.
    void load(std::string_view part) {
        if (steps_ % steps_of_a_batch_ == 0 && steps_ > 0) return;
        activity_.emplace(fmt::format("loading {}", part));
    }

    void step() {
        activity_.reset();
        if (!progress_) progress_.emplace("drawing", batches_ * steps_of_a_batch_);
        progress_->step();
        if (++steps_ % steps_of_a_batch_ == 0) activity_.emplace("decoding the latents");
    }

    void finish_batch() { activity_.reset(); }

private:
    std::optional<report::Progress> progress_;
    std::optional<report::Activity> activity_;
    std::int64_t steps_ = 0, steps_of_a_batch_ = 1, batches_ = 1;
};

/// Adds the LoRAs of --lora and those that the prompts name to the weights.
void merge_loras(nn::ModelSource& source, const DrawingOptions& options,
                 const std::vector<NamedLora>& named) {
    nn::Checkpoint& weights = source.checkpoint();
    for (const std::string& text : options.lora) {
        const train::LoraOption lora = train::lora_option(text);
        train::merge(weights, train::read_lora(lora.path, weights, source.config()), lora.strength);
    }
    for (const auto& [path, lora] : named) {
        train::Lora text_encoder, unet;
        for (auto& [name, layer] : train::read_lora(path, weights, source.config()))
            (name.starts_with("cond_stage_model.") ? text_encoder : unet).emplace(name, layer);
        if (!text_encoder.empty()) train::merge(weights, text_encoder, lora.text_encoder);
        if (!unet.empty()) train::merge(weights, unet, lora.unet);
    }
}

/// The UNet in patches of so many pixels, which overlap by half.
std::function<pipeline::ConditionedModel(const pipeline::ConditionedModel&)> in_patches_of(
    int pixels, const pipeline::ModelSpec& spec) {
    const int step = spec.size_step();
    if (pixels % step != 0)
        throw Error(
            fmt::format("--patch-size {}: for this model it is a multiple of {}", pixels, step));
    const int size = pixels / spec.autoencoder_factor();
    const editing::Patches patches{.kernel = {size, size}, .stride = {size / 2, size / 2}};
    return [patches](const pipeline::ConditionedModel& unet) {
        return editing::in_patches(unet, patches);
    };
}

}  // namespace

std::vector<image::Image> pictures_of(const Txt2ImgResult& result) {
    std::vector<image::Image> pictures;
    for (std::int64_t i = 0; i < result.pictures.dim(0); ++i)
        pictures.push_back(pipeline::to_uint8_image(result.pictures, i));
    return pictures;
}

void run(const DrawingOptions& options, const Drawing& drawing) {
    const std::vector<std::string> prompts = prompts_of(options);
    const std::vector<fs::path> paths = paths_of(options, prompts.size());
    const std::vector<std::uint64_t> seeds = seeds_of(options, prompts.size());
    const std::vector<NamedLora> named_loras = loras_of(options.prompts, prompts);
    const Device device = device_from(options.device);
    const DType dtype = dtype_from(options.dtype);
    expect_usable_type(device, dtype);
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const ops::WithPrecision precision(ops::precision_from(options.precision));

    // nothing is left behind until there are pictures to write, and that finishes first
    const report::InterruptGuard guard(report::OnInterrupt::exit);
    Display display;
    pipeline::OpenedModel opened =
        pipeline::open_model(options.model.empty() ? nn::shipped_model() : fs::path(options.model));
    opened.spec.expect_supported(opened.source.name());
    if (!options.prediction.empty())
        pipeline::set_prediction(opened.spec, ddpm::parameterization_named(options.prediction));
    const auto make_request = [&](const pipeline::ModelSpec& spec) {
        Txt2ImgRequest request = request_template(options, spec);
        if (drawing.adjust) drawing.adjust(request, spec);
        return request;
    };
    Txt2ImgRequest base = make_request(opened.spec);
    const auto at_once = static_cast<std::size_t>(options.batch_size > 0 ? options.batch_size : 8);
    const std::size_t batches = (prompts.size() + at_once - 1) / at_once;
    drawing.expect_possible(batch_of(base, prompts, seeds, 0, std::min(at_once, prompts.size())),
                            opened.spec);
    warn_of_size(base, opened);
    merge_loras(opened.source, options, named_loras);
    opened.source.use({device, dtype});
    // with one batch each network has done its part when the next one is needed
    LatentDiffusion::Options networks = drawing.model;
    networks.keep_networks = batches > 1;
    if (options.patch_size > 0) networks.unet = in_patches_of(options.patch_size, opened.spec);
    if (options.vae_tiling) {
        networks.encode = [](const auto& encoder, const Tensor& x, const Tensor& noise) {
            return editing::encode_in_strips(encoder, x, noise);
        };
        networks.decode = [](const auto& decoder, const Tensor& z) {
            return editing::decode_in_strips(decoder, z);
        };
    }
    networks.on_load = [&](std::string_view part) { display.load(part); };
    const LatentDiffusion model(std::move(opened), networks);
    // now it is known what the UNet predicts, and so the size of the pictures
    base = make_request(model.spec());
    for (std::size_t first = 0; first < prompts.size(); first += at_once)
        (void)plan_of(model, batch_of(base, prompts, seeds, first,
                                      std::min(at_once, prompts.size() - first)));
    display.plan(static_cast<std::int64_t>(batches), drawing.steps
                                                         ? drawing.steps(base, model.spec())
                                                         : step_count(base, model.spec()));
    for (std::size_t first = 0; first < prompts.size(); first += at_once) {
        const std::size_t count = std::min(at_once, prompts.size() - first);
        const Txt2ImgRequest request = batch_of(base, prompts, seeds, first, count);
        Drawing::Result result = drawing.draw(model, request, [&](const ddpm::SamplerStep&) {
            display.step();
            return true;
        });
        display.finish_batch();
        std::vector<NewPicture> pictures;
        for (std::size_t i = 0; i < count; ++i) {
            if (!result.drawn.cut[i].empty())
                report::message(
                    fmt::format("the prompt is too long for this model; not read: \"{}\"",
                                result.drawn.cut[i]));
            pictures.push_back(
                {paths[first + i], std::move(result.pictures[i]),
                 picture_text(
                     options, model, request, i,
                     drawing.parameters ? drawing.parameters(model.spec(), first + i) : "")});
        }
        save_pictures(pictures);
        if (!options.save_latents.empty()) save_latents(options.save_latents, result.drawn);
    }
}

}  // namespace ldm::program
