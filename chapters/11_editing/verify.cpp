#include "chapters/11_editing/verify.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/01_ddpm/verify_support.h"
#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/families.h"
#include "chapters/11_editing/fold_unfold.h"
#include "chapters/11_editing/inpaint.h"
#include "chapters/11_editing/masks.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::editing {
namespace {

using io::Json;

/// ddim.py, stochastic_encode and decode: a picture noised as far as `strength` says, and drawn
/// again from there.
void ddim_img2img(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"eps", "schedule", "S", "strength"}, "config");
    const ddpm::Schedule schedule(
        ddpm::Schedule::from_json(io::get_or(config, "schedule", Json::object())));
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    const int S = io::get<int>(config, "S");
    const pipeline::DDIMSampler sampler(schedule, {.S = S, .ddim_discretize = "uniform"});
    const int t_enc = static_cast<int>(io::get<double>(config, "strength") * S);
    if (t_enc < 0 || t_enc >= std::ssize(sampler.timesteps()))
        throw Error(fmt::format("'strength': {} of {} steps; choose one below 1", t_enc, S));

    const Tensor z0 = run.in("z0"), noise = run.in("noise");
    const Tensor t = ddpm::same_step(z0, sampler.timesteps()[t_enc]);
    const Tensor z_enc = ddpm::q_sample(schedule, z0, t, noise);
    run.out("t_enc", Tensor::ints({}, std::vector{std::int32_t{t_enc}}));
    run.out("z_enc", z_enc);
    run.out("z_enc_original", ddpm::q_sample(schedule, z0, run.in("t_original"), noise));
    run.out("dec",
            sampler.sample(network.without_context(), z_enc, {}, {}, {}, sampler.steps() - t_enc));
}

Size size_of(const Json& json, const char* key) {
    const auto extents = io::get_list_in<std::int64_t>(json, key, 1, 1 << 15, 2);
    if (extents.size() != 2) throw Error(fmt::format("'{}': expected [height, width]", key));
    return {extents[0], extents[1]};
}

CropWeights weights_of(const Json& config, const Json& variant) {
    CropWeights weights;
    weights.clip_min_weight = io::get<float>(config, "clip_min_weight");
    weights.clip_max_weight = io::get<float>(config, "clip_max_weight");
    weights.tie_braker = io::get<bool>(variant, "tie_braker");
    weights.clip_min_tie_weight = io::get<float>(config, "clip_min_tie_weight");
    weights.clip_max_tie_weight = io::get<float>(config, "clip_max_tie_weight");
    return weights;
}

/// torch.nn.Unfold: all crops, each as one column, [N, C kh kw, crops].
Tensor unfolded(const FoldUnfold& grid, const Tensor& x) {
    std::vector<Tensor> columns;
    for (int i = 0; i < grid.crops(); ++i)
        columns.push_back(grid.crop(x, i).reshape({x.dim(0), -1, 1}));
    return ops::concat(columns, 2);
}

/// Every crop times a number of its own, blended.
Tensor stitched(const FoldUnfold& grid, const Tensor& x, const Tensor& gain) {
    Tensor sum = Tensor::zeros(x.shape());
    for (int i = 0; i < grid.crops(); ++i)
        grid.add_weighted(sum, gain.values()[i] * grid.crop(x, i), i);
    return sum / grid.normalization();
}

void fold_unfold(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config,
                         {"variants", "clip_min_weight", "clip_max_weight", "clip_min_tie_weight",
                          "clip_max_tie_weight", "delta_border"},
                         "config");
    run.out("delta_border", delta_border(size_of(config, "delta_border")));
    const Tensor x = run.in("x");
    const auto variants = io::get<Json>(config, "variants");
    for (const auto& [name, variant] : variants.items()) {
        io::expect_only_keys(variant, {"kernel_size", "stride", "uf", "df", "tie_braker"}, name);
        const Patches patches{.kernel = size_of(variant, "kernel_size"),
                              .stride = size_of(variant, "stride"),
                              .weights = weights_of(config, variant),
                              .uf = io::get_in_or(variant, "uf", 1, 64, 1),
                              .df = io::get_in_or(variant, "df", 1, 64, 1)};
        const FoldUnfold grid({x.dim(2), x.dim(3)}, patches);
        run.out(name + ".normalization", grid.normalization());
        run.out(name + ".weighting", grid.weighting());
        run.out(name + ".unfold", unfolded(grid, x));
        if (run.wants(name + ".stitched"))
            run.out(name + ".stitched", stitched(grid, x, run.in("gain")));
    }
}

/// A mask [H, W] of bytes as [1, 1, H, W] in [0, 1].
Tensor mask_of_bytes(const Tensor& bytes) {
    return (ops::to_float(bytes) / 255.0f).reshape({1, 1, bytes.dim(0), bytes.dim(1)});
}

void inpaint_batch(verify::Run& run) {
    io::expect_only_keys(run.config(), {"small_size"}, "config");
    const Size small = size_of(run.config(), "small_size");
    const InpaintBatch batch =
        make_inpaint_batch(image::from_bytes(run.in("image")), mask_of_bytes(run.in("mask")));
    run.out("batch.image", batch.image);
    run.out("batch.mask", batch.mask);
    run.out("batch.masked_image", batch.masked_image);
    run.out("mask_small", resize_nearest(batch.mask, small.height, small.width));
}

/// scripts/inpaint.py with its model, from the picture to what is put into the masked part.
void latent_inpainting(verify::Run& run) {
    io::expect_only_keys(run.config(), {"model", "seed"}, "config");
    const Json settings = io::get<Json>(run.config(), "model");
    auto weights = std::make_unique<nn::Checkpoint>();
    weights->add_fallback([root = run.params()](const std::string& name, const Shape& shape) {
        return root.get(name, shape);
    });
    const pipeline::LatentDiffusion model(
        {pipeline::spec_from_settings(settings, pipeline::ldm_inpainting),
         nn::ModelSource(settings, std::move(weights))},
        {.encodes = true});

    InpaintRequest request{.drawing = pipeline::preferred_request(model.spec()),
                           .picture = image::from_bytes(run.in("image")),
                           .mask = mask_of_bytes(run.in("mask"))};
    request.drawing.width = request.picture.width;
    request.drawing.height = request.picture.height;
    request.drawing.prompts = {""};
    // whose noise is x_T
    request.drawing.seeds = {io::get<std::uint64_t>(run.config(), "seed")};
    const pipeline::Txt2ImgResult drawn = inpaint(model, request).drawn;
    run.out("x_T", drawn.noise);
    run.out("samples", drawn.latents);
    run.out("predicted", drawn.pictures);

    if (!run.wants("c")) return;
    const InpaintBatch batch = make_inpaint_batch(request.picture, request.mask);
    const Tensor masked = model.encode(batch.masked_image, Tensor::zeros(drawn.noise.shape()));
    run.out("c",
            ops::concat({masked, resize_nearest(batch.mask, masked.dim(2), masked.dim(3))}, 1));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["DDIMImg2Img"] = ddim_img2img;
    registry["FoldUnfold"] = fold_unfold;
    registry["InpaintBatch"] = inpaint_batch;
    registry["LatentInpainting"] = latent_inpainting;
}

}  // namespace ldm::editing
