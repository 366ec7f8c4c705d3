#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "chapters/07_unet/diffusion_wrapper.h"
#include "chapters/08_ldm_pipeline/conditioner.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/open_model.h"

namespace ldm::pipeline {

/// The whole model: words in, pictures out, noise in between (Rombach et al., 2022; ddpm.py:
/// LatentDiffusion). It owns the three networks and knows how they fit together; the way from noise
/// to picture is a sampler's work.
///
///     context = text_encoder(tokens(prompt))      what to draw
///     e       = unet(z, t, context)               the noise in z
///     picture = decoder(z / scale_factor)         z has variance 1, the autoencoder's latents not
///
/// A network's weights are read when it is first asked for. Several threads may draw with one model
/// at once.
class LatentDiffusion {
public:
    struct Options {
        /// Whether the networks stay for the next request. Else at most one is in memory at a time,
        /// and each request loads all three again: less memory for a program that draws once.
        bool keep_networks = true;
        /// Is called with "the text encoder", "the UNet" or "the decoder" before its weights are
        /// read.
        std::function<void(std::string_view part)> on_load = {};
    };

    /// Computes where and in what type the model's checkpoint hands out weights. Throws an Error
    /// for a model that cannot be drawn with, and one that lists every weight that is missing or
    /// has another shape; no weight is read for that.
    explicit LatentDiffusion(OpenedModel model);
    LatentDiffusion(OpenedModel model, Options options);

    const ModelSpec& spec() const { return model_.spec; }
    const nn::ModelSource& source() const { return model_.source; }
    const ddpm::Schedule& schedule() const { return schedule_; }

    /// Where latents, contexts and pictures are.
    Device device() const { return device_; }

    /// What the UNet is given for these inputs. `cut`, if given, receives for each prompt the words
    /// that were too many. Throws for invalid UTF-8. In the type of the weights, as the UNet wants
    /// it; all other tensors here are float32, whatever the networks compute with.
    [[nodiscard]] unet::Conditioning condition(const ConditioningInputs& inputs,
                                               std::vector<std::string>* cut = nullptr) const;

    /// The UNet, which predicts in the schedule's parameterization: z [N, C, h, w], t [N] ->
    /// [N, C, h, w]. It stays in memory as long as this function exists.
    [[nodiscard]] ConditionedModel conditioned_model() const;

    /// z [N, C, h, w] -> pictures [N, 3, H, W] with values around [-1, 1].
    [[nodiscard]] Tensor decode(const Tensor& z) const;

private:
    template <class Network>
    using Loaded = std::shared_ptr<const Network>;

    std::unique_ptr<unet::DiffusionWrapper> make_unet() const;
    std::unique_ptr<FirstStageDecoder> make_decoder() const;
    void expect_whole() const;

    /// The network, loaded if it is not there. Whoever works with it holds it until he is done.
    template <class Network, class Make>
    Loaded<Network> loaded(Loaded<Network>& network, std::string_view part, const Make& make) const;

    OpenedModel model_;
    Options options_;
    ddpm::Schedule schedule_;
    Device device_;
    DType dtype_;

    /// guards the networks and the checkpoint that they are read from
    mutable std::mutex loading_;
    mutable Loaded<Conditioner> conditioner_;
    mutable Loaded<unet::DiffusionWrapper> unet_;
    mutable Loaded<FirstStageDecoder> decoder_;
};

}  // namespace ldm::pipeline
