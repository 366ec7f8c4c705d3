#include "chapters/02_vae/helpers/verify_helpers.h"

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/helpers/first_stage_post_processor.h"
#include "chapters/02_vae/helpers/merged_rescale.h"
#include "chapters/02_vae/helpers/resize.h"
#include "chapters/02_vae/helpers/simple_decoder.h"
#include "chapters/02_vae/helpers/upsample_decoder.h"
#include "chapters/02_vae/helpers/upsampler.h"
#include "chapters/02_vae/identity_first_stage.h"

namespace ldm::vae {
namespace {

using io::Json;

void simple_decoder(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"in_channels", "out_channels"}, "SimpleDecoder");
    const SimpleDecoder decoder(run.params(), io::get<int>(config, "in_channels"),
                                io::get<int>(config, "out_channels"));
    run.out("out", decoder(run.in("x")));
}

void upsample_decoder(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(
        config,
        {"in_channels", "out_channels", "ch", "ch_mult", "num_res_blocks", "resolution", "dropout"},
        "UpsampleDecoder");
    const UpsampleDecoder decoder(run.params(),
                                  {.in_channels = io::get<int>(config, "in_channels"),
                                   .out_channels = io::get<int>(config, "out_channels"),
                                   .ch = io::get<int>(config, "ch"),
                                   .ch_mult = io::get_or(config, "ch_mult", std::vector<int>{2, 2}),
                                   .num_res_blocks = io::get<int>(config, "num_res_blocks")});
    run.out("out", decoder(run.in("x")));
}

void latent_rescaler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"factor", "in_channels", "mid_channels", "out_channels", "depth"},
                         "LatentRescaler");
    const LatentRescaler rescaler(run.params(),
                                  {.factor = io::get<double>(config, "factor"),
                                   .in_channels = io::get<int>(config, "in_channels"),
                                   .mid_channels = io::get<int>(config, "mid_channels"),
                                   .out_channels = io::get<int>(config, "out_channels"),
                                   .depth = io::get_or(config, "depth", 2)});
    run.out("out", rescaler(run.in("x")));
}

/// The settings beside which stand those of the rescaler; what one of the two halves has no use for
/// gets a number that is allowed.
template <typename Merged>
void merged_rescale(verify::Run& run) {
    Json settings = run.config();
    const double factor = io::get_or(settings, "rescale_factor", 1.0);
    const int depth = io::get_or(settings, "rescale_module_depth", 1);
    for (const char* key : {"rescale_factor", "rescale_module_depth"}) settings.erase(key);
    for (const char* key : {"in_channels", "z_channels"})
        if (!settings.contains(key)) settings[key] = 1;
    const Merged merged(run.params(), {.ddconfig = Config::from_json(settings),
                                       .rescale_factor = factor,
                                       .rescale_module_depth = depth});
    run.out("out", merged(run.in("x")));
}

void upsampler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"in_size", "out_size", "in_channels", "out_channels", "ch_mult"},
                         "Upsampler");
    const Upsampler upsample(run.params(), {.in_size = io::get<int>(config, "in_size"),
                                            .out_size = io::get<int>(config, "out_size"),
                                            .in_channels = io::get<int>(config, "in_channels"),
                                            .out_channels = io::get<int>(config, "out_channels"),
                                            .ch_mult = io::get_or(config, "ch_mult", 2)});
    run.out("out", upsample(run.in("x")));
}

void resizes(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "Resize");
    const auto parts = io::get<Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        io::expect_only_keys(part, {"mode", "scale_factor"}, name);
        const Resize resize(interpolation_named(io::get_or(part, "mode", "bilinear")));
        run.out(name, resize(run.in("x"), io::get_or(part, "scale_factor", 1.0)));
    }
}

/// The first stage in front of a post-processor.
FirstStagePostProcessor::Encode first_stage(const nn::Params& weights, const Json& config) {
    if (io::get<std::string>(config, "target") == "IdentityFirstStage")
        return [](const Tensor& x) { return IdentityFirstStage().encode(x); };
    expect(config.at("target") == "AutoencoderKL", "FirstStagePostProcessor: unknown first stage");
    const auto params = io::get<Json>(config, "params");
    const AutoencoderKL autoencoder(weights, Config::from_json(io::get<Json>(params, "ddconfig")),
                                    io::get<int>(params, "embed_dim"));
    return [autoencoder](const Tensor& x) { return autoencoder.encode(x).mode(); };
}

void first_stage_post_processor(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(
        config, {"ch_mult", "in_channels", "n_channels", "reshape", "dropout", "pretrained_config"},
        "FirstStagePostProcessor");
    const FirstStagePostProcessor process(
        run.params(),
        {.ch_mult = io::get<std::vector<int>>(config, "ch_mult"),
         .in_channels = io::get<int>(config, "in_channels"),
         .n_channels = io::get<int>(config, "n_channels"),
         .reshape = io::get_or(config, "reshape", false)},
        first_stage(run.params() / "pretrained_model", io::get<Json>(config, "pretrained_config")));
    run.out("out", process(run.in("x")));
}

}  // namespace

void register_helpers(verify::Registry& registry) {
    registry["SimpleDecoder"] = verify::in_16_bits_too(simple_decoder);
    registry["UpsampleDecoder"] = verify::in_16_bits_too(upsample_decoder);
    registry["LatentRescaler"] = latent_rescaler;
    registry["MergedRescaleEncoder"] = merged_rescale<MergedRescaleEncoder>;
    registry["MergedRescaleDecoder"] = merged_rescale<MergedRescaleDecoder>;
    registry["Upsampler"] = upsampler;
    registry["Resize"] = resizes;
    registry["FirstStagePostProcessor"] = first_stage_post_processor;
}

}  // namespace ldm::vae
