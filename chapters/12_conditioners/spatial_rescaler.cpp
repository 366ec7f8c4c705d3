#include "chapters/12_conditioners/spatial_rescaler.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::conditioners {

SpatialRescaler::Config SpatialRescaler::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json, {"n_stages", "method", "multiplier", "in_channels", "out_channels", "bias"},
        "SpatialRescaler");
    // far beyond every model there is
    constexpr int most_channels = 1 << 14, most_stages = 16;
    Config config{.n_stages = io::get_in_or(json, "n_stages", 0, most_stages, 1),
                  .method = vae::interpolation_named(io::get_or(json, "method", "bilinear")),
                  .multiplier = io::get_or(json, "multiplier", 0.5),
                  .in_channels = io::get_in_or(json, "in_channels", 1, most_channels, 3),
                  .bias = io::get_or(json, "bias", false)};
    if (!(config.multiplier > 0 && config.multiplier <= most_stages))
        throw Error(fmt::format("'multiplier': {:g}, expected above 0 and at most {}",
                                config.multiplier, most_stages));
    if (io::has(json, "out_channels"))
        config.out_channels = io::get_in(json, "out_channels", 1, most_channels);
    return config;
}

SpatialRescaler::SpatialRescaler(const nn::Params& weights, const Config& config)
    : config_(config) {
    if (config.out_channels)
        channel_mapper_.emplace(
            weights / "channel_mapper", config.in_channels, *config.out_channels,
            nn::Conv2dShape{
                .kernel = 1, .padding = {}, .bias = config.bias ? nn::Bias::yes : nn::Bias::no});
}

Tensor SpatialRescaler::operator()(const Tensor& x) const {
    Tensor y = x;
    for (int stage = 0; stage < config_.n_stages; ++stage)
        y = vae::rescaled(y, config_.multiplier, config_.method);
    return channel_mapper_ ? (*channel_mapper_)(y) : y;
}

}  // namespace ldm::conditioners
