#include "chapters/ldm/drawing_run.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "chapters/08_ldm_pipeline/prediction.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/11_editing/further_channels.h"
#include "chapters/11_editing/tiled_first_stage.h"
#include "chapters/12_conditioners/text_towers.h"
#include "chapters/ldm/batches.h"
#include "chapters/ldm/drawing_display.h"
#include "chapters/ldm/picture_array.h"
#include "chapters/ldm/picture_text.h"
#include "chapters/ldm/preview.h"
#include "common/io/atomic_file.h"
#include "common/io/data_path.h"
#include "common/io/json.h"
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
    io::make_folder(fs::absolute(path).parent_path());
    io::write_safetensors(path, entries);
    report::throw_if_interrupted();
}

void expect_usable_type(Device device, DType dtype) {
    expect_usable(device);
    if (device == Device::cpu && dtype != DType::f32)
        throw Error(
            fmt::format("--dtype {} is for --device cuda; on a processor there is --precision bf16",
                        dtype == DType::f16 ? "f16" : "bf16"));
}

/// Adds the LoRAs of --lora and those that the prompts name to the weights, all at once.
void merge_loras(nn::ModelSource& source, const DrawingOptions& options,
                 const std::vector<NamedLora>& named) {
    nn::Checkpoint& weights = source.checkpoint();
    std::vector<train::AddedLora> loras;
    for (const std::string& text : options.lora) {
        const train::LoraOption lora = train::lora_option(text);
        loras.push_back({train::read_lora(lora.path, weights, source.config()), lora.strength,
                         lora.path.string()});
    }
    for (const auto& [path, lora] : named) {
        train::AddedLora text_encoder{{}, lora.text_encoder, path.string()},
            unet{{}, lora.unet, path.string()};
        for (auto& [name, change] : train::read_lora(path, weights, source.config()))
            (name.starts_with("cond_stage_model.") ? text_encoder : unet)
                .changes.emplace(name, change);
        loras.push_back(std::move(text_encoder));
        loras.push_back(std::move(unet));
    }
    if (!loras.empty()) train::merge(weights, loras);
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

/// A small model has seen one size only, and other sizes come out distorted.
void warn_of_size(const std::vector<SetBatch>& batches, const pipeline::OpenedModel& model) {
    const int size = model.spec.image_size;
    const auto has_another = [size](const SetBatch& batch) {
        const Txt2ImgRequest& request = batch.batch.request;
        return request.width != size || request.height != size;
    };
    // this one has seen parts of pictures, of which larger ones are made as well
    if (model.spec.concat_input() == pipeline::ConcatInput::low_resolution) return;
    if (model.source.layout() == nn::ModelSource::Layout::folder &&
        std::ranges::any_of(batches, has_another))
        report::message(fmt::format(
            "this model was trained on pictures of {0}x{0}; other sizes come out distorted", size));
}

std::vector<std::string> prompts_of(const DrawingPlan& plan) {
    std::vector<std::string> prompts;
    for (const PlannedPicture& picture : plan.pictures) prompts.push_back(picture.prompt);
    return prompts;
}

fs::path model_of(const DrawingOptions& options, const DrawingPlan& plan) {
    if (!options.model.empty()) return options.model;
    return io::data_path("models") / plan.sets.front().drawing.default_model;
}

/// How the model's networks are to be used.
LatentDiffusion::Options networks_of(
    const DrawingOptions& options, const DrawingPlan& plan, const pipeline::ModelSpec& spec,
    const std::shared_ptr<const pipeline::TinyDecoder>& tiny_decoder) {
    LatentDiffusion::Options networks{.text_towers = conditioners::all_text_towers()};
    if (!options.taesd_preview_only) networks.tiny_decoder = tiny_decoder;
    networks.encodes =
        std::ranges::any_of(plan.sets, [](const PictureSet& set) { return set.drawing.encodes; });
    if (options.patch_size > 0) networks.unet = in_patches_of(options.patch_size, spec);
    if (!options.vae_tiling) return networks;
    networks.encode = [](const auto& encoder, const Tensor& x, const Tensor& noise) {
        return editing::encode_in_strips(encoder, x, noise);
    };
    networks.decode = [](const auto& decoder, const Tensor& z) {
        return editing::decode_in_strips(decoder, z);
    };
    return networks;
}

/// Draws a batch and writes its pictures, which it returns.
std::vector<NewPicture> draw(const DrawingOptions& options, const LatentDiffusion& model,
                             const SetBatch& batch, const std::vector<fs::path>& paths,
                             const Preview& preview, PictureArray* array, DrawingDisplay& display) {
    const Drawing& drawing = batch.set->drawing;
    display.begin_batch(batch.steps);
    Drawing::Result result = drawing.draw(model, batch.batch, [&](const ddpm::SamplerStep& step) {
        preview.show(model, step);
        display.step();
        return true;
    });
    display.finish_batch();
    std::vector<NewPicture> pictures;
    for (std::size_t i = 0; i < batch.pictures.size(); ++i) {
        if (array) array->set(batch.pictures[i], result.pictures[i]);
        if (!result.drawn.cut[i].empty())
            report::message(fmt::format("the prompt is too long for this model; not read: \"{}\"",
                                        result.drawn.cut[i]));
        const std::string more =
            drawing.parameters ? drawing.parameters(model.spec(), batch.batch.numbers[i]) : "";
        pictures.push_back({paths[batch.pictures[i]], std::move(result.pictures[i]),
                            picture_text(options, model, batch.batch.request, i, more)});
    }
    save_pictures(pictures);
    if (!options.save_latents.empty()) save_latents(options.save_latents, result.drawn);
    return pictures;
}

/// The picture of a grid, whose text is the first cell's and the grid.
NewPicture picture_of_grid(const DrawingOptions& options, const GridLabels& labels,
                           const fs::path& path, std::vector<NewPicture> cells) {
    std::string text = cells.front().parameters;
    std::string grid = options.grid;
    std::ranges::replace(grid, '\n', ' ');
    text += ", Grid: " + io::Json(grid).dump();
    std::vector<image::Image> pictures;
    for (NewPicture& cell : cells) pictures.push_back(std::move(cell.picture));
    return {path, grid_picture(labels, pictures), text};
}

}  // namespace

std::vector<image::Image> pictures_of(const Txt2ImgResult& result) {
    std::vector<image::Image> pictures;
    for (std::int64_t i = 0; i < result.pictures.dim(0); ++i)
        pictures.push_back(pipeline::to_uint8_image(result.pictures, i));
    return pictures;
}

void run(const DrawingOptions& options, const DrawingPlan& plan) {
    const PicturePaths paths = paths_of(options, plan.pictures.size());
    const std::vector<NamedLora> named_loras = loras_of(options.prompts, prompts_of(plan));
    const Device device = device_from(options.device);
    const DType dtype = dtype_from(options.dtype);
    expect_usable_type(device, dtype);
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const ops::WithPrecision precision(ops::precision_from(options.precision));

    // nothing is left behind until there are pictures to write, and that finishes first
    const report::InterruptGuard guard(report::OnInterrupt::exit);
    DrawingDisplay display;
    pipeline::OpenedModel opened = pipeline::open_model(model_of(options, plan), options.vae);
    opened.spec.expect_supported(opened.source.name());
    if (opened.spec.text_tower && !options.has_prompt)
        throw CLI::RequiredError("--prompt or --prompt-file");
    if (!options.prediction.empty())
        pipeline::set_prediction(opened.spec, ddpm::parameterization_named(options.prediction));
    const Embeddings embeddings = embeddings_of(options.prompts, opened.spec);
    std::vector<SetBatch> batches = batches_of(options, plan, opened.spec, embeddings);
    if (plan.grid) (void)grid_extent(*plan.grid, extents_of(plan, batches, opened.spec));
    warn_of_size(batches, opened);
    tell_differences(options, opened, embeddings);
    merge_loras(opened.source, options, named_loras);
    opened.source.use({device, dtype});
    const std::shared_ptr<const pipeline::TinyDecoder> tiny_decoder =
        options.taesd.empty()
            ? nullptr
            : pipeline::open_tiny_decoder(options.taesd, opened.spec.first_stage.embed_dim, device);
    const Preview preview({options.preview, options.preview_interval, tiny_decoder});
    LatentDiffusion::Options networks = networks_of(options, plan, opened.spec, tiny_decoder);
    // with one batch each network has done its part when the next one is needed
    networks.keep_networks = batches.size() > 1;
    networks.on_load = [&](std::string_view part) { display.load(part); };
    const bool was_known = opened.spec.prediction_is_known;
    const LatentDiffusion model(std::move(opened), networks);
    if (!was_known) {
        // now it is known what the UNet predicts, and so the size of the pictures
        batches = batches_of(options, plan, model.spec(), embeddings);
        if (plan.grid) (void)grid_extent(*plan.grid, extents_of(plan, batches, model.spec()));
    }
    std::int64_t steps = 0;
    for (const SetBatch& batch : batches) {
        (void)plan_of(model, batch.batch.request);
        steps += batch.steps;
    }
    std::optional<PictureArray> array;
    if (!options.save_npz.empty()) array.emplace(extents_of(plan, batches, model.spec()));
    display.plan(steps);
    std::vector<NewPicture> cells(plan.grid ? plan.pictures.size() : 0);
    for (const SetBatch& batch : batches) {
        std::vector<NewPicture> drawn = draw(options, model, batch, paths.pictures, preview,
                                             array ? &*array : nullptr, display);
        for (std::size_t i = 0; i < drawn.size() && plan.grid; ++i)
            cells[batch.pictures[i]] = std::move(drawn[i]);
    }
    if (array) array->save(options.save_npz);
    if (plan.grid)
        save_pictures({picture_of_grid(options, *plan.grid, paths.grid, std::move(cells))});
}

}  // namespace ldm::program
