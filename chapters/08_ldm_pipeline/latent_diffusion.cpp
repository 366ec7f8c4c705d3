#include "chapters/08_ldm_pipeline/latent_diffusion.h"

#include <fmt/format.h>

#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

ddpm::Schedule::Config schedule_config(const io::Json& config) {
    io::Json schedule;
    for (const char* key : {"beta_schedule", "timesteps", "linear_start", "linear_end", "cosine_s",
                            "parameterization"})
        if (config.contains(key)) schedule[key] = config[key];
    return ddpm::Schedule::from_json(schedule);
}

}  // namespace

LatentDiffusion::LatentDiffusion(const ModelFiles& files)
    : schedule_(schedule_config(files.config)),
      device_(files.checkpoint->place().device),
      dtype_(files.checkpoint->place().dtype),
      image_size_(io::get<int>(files.config, "image_size")),
      autoencoder_factor_(
          1 << (vae::Config::from_json(files.config["first_stage_config"]["ddconfig"]).levels() -
                1)),
      prompt_encoder_(
          files.tokenizer(), files.checkpoint->root() / "cond_stage_model" / "transformer",
          clip::TextEncoder::Config::from_json(files.config["cond_stage_config"]["text_config"])),
      unet_(files.checkpoint->root() / "model" / "diffusion_model",
            unet::Config::from_json(files.config["unet_config"])),
      first_stage_decoder_(files.checkpoint->root() / "first_stage_model",
                           files.config["first_stage_config"],
                           io::get<float>(files.config, "scale_factor")) {
    files.checkpoint->check(files.path.string());
}

Tensor LatentDiffusion::encode_prompts(const std::vector<std::string>& prompts,
                                       std::vector<std::string>* cut) const {
    return prompt_encoder_(prompts, cut);
}

Tensor LatentDiffusion::operator()(const Tensor& z, const Tensor& t, const Tensor& context) const {
    return ops::to(unet_(ops::to(z, dtype_), t, context), DType::f32);
}

Tensor LatentDiffusion::decode(const Tensor& z) const {
    return ops::to(first_stage_decoder_(ops::to(z, dtype_)), DType::f32);
}

Shape LatentDiffusion::latent_shape(std::int64_t n, int width, int height) const {
    const int step = size_step();
    if (width <= 0 || height <= 0 || width % step != 0 || height % step != 0)
        throw Error(fmt::format(
            "the size {} x {} does not fit this model: width and height must be multiples of {}",
            width, height, step));
    return {n, unet_.config().in_channels, height / autoencoder_factor_,
            width / autoencoder_factor_};
}

}  // namespace ldm::pipeline
