#include "chapters/05_resblock/first_block.h"

#include "chapters/01_ddpm/time_embedding.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"

namespace ldm::resblock {
namespace {

ResBlock::Config block_config(const io::Json& unet_config) {
    const int channels = io::get<int>(unet_config, "model_channels");
    const auto widths = io::get<std::vector<int>>(unet_config, "channel_mult");
    expect(!widths.empty(), "unet_config: 'channel_mult' is empty");
    return {.channels = channels,
            .emb_channels = 4 * channels,
            .out_channels = channels * widths.front(),
            .use_scale_shift_norm = io::get_or(unet_config, "use_scale_shift_norm", false)};
}

int numbers_per_time(const ResBlock::Config& config) {
    return config.use_scale_shift_norm ? 2 * config.out_channels : config.out_channels;
}

}  // namespace

FirstBlock::FirstBlock(const nn::ModelSource& model)
    : FirstBlock(model.weights() / "model" / "diffusion_model",
                 io::get<io::Json>(model.config(), "unet_config")) {}

FirstBlock::FirstBlock(const nn::Params& unet, const io::Json& config)
    : model_channels_(io::get<int>(config, "model_channels")),
      read_latent_(unet / "input_blocks" / 0 / 0, io::get<int>(config, "in_channels"),
                   model_channels_),
      time_in_(unet / "time_embed" / 0, model_channels_, 4 * model_channels_),
      time_out_(unet / "time_embed" / 2, 4 * model_channels_, 4 * model_channels_),
      block_time_(unet / "input_blocks" / 1 / 0 / "emb_layers" / 1, 4 * model_channels_,
                  numbers_per_time(block_config(config))),
      path_((unet / "input_blocks" / 1 / 0).path()),
      block_(unet / "input_blocks" / 1 / 0, block_config(config)) {}

//! [time_embedding]
Tensor FirstBlock::time_embedding(const Tensor& t) const {
    const Tensor sinusoids = ddpm::timestep_embedding(t, model_channels_);  // [N, model_channels]
    return time_out_(ops::silu(time_in_(sinusoids)));                       // [N, 4 model_channels]
}
//! [time_embedding]

Tensor FirstBlock::time_shift(const Tensor& t) const {
    return block_time_(ops::silu(time_embedding(t)));
}

FirstBlock::Pass FirstBlock::run(const Tensor& features, const Tensor& t) const {
    const Trace trace;
    const Tensor y = block_(features, time_embedding(t));
    return {features, trace.find(path_ + ".in_layers.2"), trace.find(path_ + ".out_layers.0"),
            trace.find(path_ + ".out_layers.3"), y};
}

}  // namespace ldm::resblock
