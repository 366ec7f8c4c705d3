#include "chapters/08_ldm_pipeline/latent_diffusion.h"

#include "chapters/08_ldm_pipeline/prediction.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

OpenedModel supported(OpenedModel model) {
    model.spec.expect_supported(model.source.name());
    return model;
}

/// Packed forms take about as much memory again as the weights. A small model, whose products are
/// so small that packing is a large part of them, can afford that; one of SD's size is packed anew
/// at each product.
constexpr std::size_t most_packed_numbers = std::size_t{1} << 27;

}  // namespace

LatentDiffusion::LatentDiffusion(OpenedModel model) : LatentDiffusion(std::move(model), {}) {}

LatentDiffusion::LatentDiffusion(OpenedModel model, Options options)
    : model_(supported(std::move(model))),
      options_(std::move(options)),
      schedule_(spec().make_schedule()),
      device_(source().checkpoint().place().device),
      dtype_(source().checkpoint().place().dtype) {
    if (source().checkpoint().count("").second <= most_packed_numbers)
        source().checkpoint().freeze();
    expect_whole();
    if (!spec().prediction_is_known) find_prediction();
}

void LatentDiffusion::find_prediction() {
    set_prediction(model_.spec, measured_prediction(spec(), conditioned_model(), device_));
    schedule_ = spec().make_schedule();
}

std::unique_ptr<unet::DiffusionWrapper> LatentDiffusion::make_unet() const {
    return std::make_unique<unet::DiffusionWrapper>(source().weights() / "model", spec().unet,
                                                    spec().conditioning);
}

std::unique_ptr<FirstStageEncoder> LatentDiffusion::make_encoder() const {
    return std::make_unique<FirstStageEncoder>(source().weights() / "first_stage_model",
                                               spec().first_stage, spec().scale_factor);
}

std::unique_ptr<FirstStageDecoder> LatentDiffusion::make_decoder() const {
    return std::make_unique<FirstStageDecoder>(source().weights() / "first_stage_model",
                                               spec().first_stage, spec().scale_factor);
}

/// Builds all networks of nothing, only to see whether their weights are there; and the vocabulary.
void LatentDiffusion::expect_whole() {
    nn::Checkpoint& checkpoint = source().checkpoint();
    checkpoint.load_nothing(true);
    if (const auto& text_tower = spec().text_tower) {
        (void)make_conditioner(spec(), source(), options_.text_towers);
        const TextTowerKind& kind = find_kind(options_.text_towers, text_tower->kind);
        tokenizer_ = kind.make_tokenizer(source(), *text_tower);
    }
    (void)make_unet();
    if (!options_.tiny_decoder) (void)make_decoder();
    if (options_.encodes) (void)make_encoder();
    checkpoint.load_nothing(false);
    source().check();
}

//! [loaded]
template <class Network, class Make>
LatentDiffusion::Loaded<Network> LatentDiffusion::loaded(Loaded<Network>& network,
                                                         std::string_view part,
                                                         const Make& make) const {
    const std::scoped_lock lock(loading_);
    if (network) return network;
    if (!options_.keep_networks) {
        conditioner_.reset();
        unet_.reset();
        encoder_.reset();
        decoder_.reset();
    }
    if (options_.on_load) options_.on_load(part);
    network = make();
    return network;
}
//! [loaded]

PromptPlan LatentDiffusion::plan(const PromptRequest& request) const {
    if (const std::size_t n = request.prompts.size(); !tokenizer_)
        return {.pictures = std::vector<PicturePlan>(n), .cut = std::vector<std::string>(n)};
    return plan_prompts(request, *tokenizer_, *spec().text_tower);
}

std::vector<PictureContexts> LatentDiffusion::contexts(const PromptPlan& plan) const {
    if (!spec().text_tower) return std::vector<PictureContexts>(plan.pictures.size());
    const auto conditioner = loaded(conditioner_, "the text encoder", [&] {
        return make_conditioner(spec(), source(), options_.text_towers);
    });
    return (*conditioner)(plan);
}

ConditionedModel LatentDiffusion::conditioned_model() const {
    const ConditionedModel model = [unet = loaded(unet_, "the UNet", [&] { return make_unet(); }),
                                    dtype = dtype_](const Tensor& z, const Tensor& t,
                                                    const unet::Conditioning& given) {
        return ops::to((*unet)(ops::to(z, dtype), t, unet::as_type(given, dtype)), DType::f32);
    };
    return options_.unet ? options_.unet(model) : model;
}

Tensor LatentDiffusion::encode(const Tensor& x, const Tensor& noise) const {
    const auto encoder = loaded(encoder_, "the encoder", [&] { return make_encoder(); });
    const Tensor given = ops::to(x, dtype_), z = ops::to(noise, dtype_);
    return ops::to(options_.encode ? options_.encode(*encoder, given, z) : (*encoder)(given, z),
                   DType::f32);
}

Tensor LatentDiffusion::decode(const Tensor& z) const {
    if (options_.tiny_decoder) return (*options_.tiny_decoder)(z);
    const auto decoder = loaded(decoder_, "the decoder", [&] { return make_decoder(); });
    const Tensor given = ops::to(z, dtype_);
    return ops::to(options_.decode ? options_.decode(*decoder, given) : (*decoder)(given),
                   DType::f32);
}

}  // namespace ldm::pipeline
