#pragma once

#include <optional>

#include "chapters/07_unet/timestep_embed_sequential.h"

namespace ldm::unet {

/// Predicts the noise in a noisy latent (openaimodel.py: UNetModel).
///
///     time = time_embed.2(silu(time_embed.0(timestep_embedding(t)))) [+ label_emb(y)]
///     h    = x
///     down:    h = block(h, time, context);  skips.push(h)
///     middle:  h = block(h, time, context)
///     up:      h = block([h, skips.pop()], time, context)
///     out  = conv(silu(norm(h)))
///
/// Ronneberger et al., 2015 for the U; Ho et al., 2020 for the time; Rombach et al., 2022 for the
/// context.
class UNetModel {
public:
    UNetModel(const nn::Params& weights, const Config& config);

    /// x [N, in_channels, H, W], t [N] int32 or float32 (a time may lie between two steps),
    /// context [N, M, context_dim] and labels y [N] int32 for the models that have them
    /// -> [N, out_channels, H, W], or [N, n_embed, H, W].
    ///
    /// Throws unless H and W are multiples of config().down_factor() and exactly those of context
    /// and y are given that the model was built for.
    Tensor operator()(const Tensor& x, const Tensor& t, const Tensor& context = {},
                      const Tensor& y = {}) const;

    const Config& config() const { return config_; }

    /// What it is called in the checkpoint and in a Trace: "model.diffusion_model".
    const std::string& path() const { return path_; }

private:
    struct Head {
        std::string path;
        nn::GroupNorm norm;
        nn::Conv2d conv;
    };
    UNetModel(const nn::Params& weights, const Config& config, const Layout& layout);
    void check_inputs(const Tensor& x, const Tensor& t, const Tensor& context,
                      const Tensor& y) const;
    Tensor time_embedding(const Tensor& t, const Tensor& y, DType dtype) const;
    Tensor predict(const Tensor& h) const;

    std::string path_;
    Config config_;
    nn::Linear time_in_, time_out_;
    std::optional<nn::Embedding> label_;
    std::vector<TimestepEmbedSequential> down_;
    TimestepEmbedSequential middle_;
    std::vector<TimestepEmbedSequential> up_;
    std::optional<Head> out_;
    std::optional<Head> id_predictor_;
};

}  // namespace ldm::unet
