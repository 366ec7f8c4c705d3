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
#include "chapters/08_ldm_pipeline/tiny_decoder.h"

namespace ldm::pipeline {

/// The whole model, from prompts to pictures (Rombach et al., 2022; ddpm.py: LatentDiffusion). It
/// owns the networks and knows how they fit together; the way from noise to latent is a
/// sampler's work.
///
///     context = text_encoder(tokens(prompt))
///     eps     = unet(z, t, context)               the noise in z
///     picture = decoder(z / scale_factor)         z has variance 1, the autoencoder's latents not
///
/// A network's weights are read when it is first asked for. Several threads may draw with one model
/// at once.
class LatentDiffusion {
public:
    struct Options {
        /// Whether the networks stay in memory for the next request. Else at most one is there at a
        /// time, unless a caller still holds conditioned_model(), and each request loads them
        /// again: less memory for a program that samples once.
        bool keep_networks = true;
        /// Is called with "the text encoder", "the UNet", "the encoder" or "the decoder" before its
        /// weights are read.
        std::function<void(std::string_view part)> on_load = {};
        /// Whether encode() will be called: then its weights must be there, too.
        bool encodes = false;
        /// How pictures are encoded and latents decoded, if not at once (chapter 11: in strips).
        std::function<Tensor(const FirstStageEncoder& encoder, const Tensor& x,
                             const Tensor& noise)>
            encode = {};
        std::function<Tensor(const FirstStageDecoder& decoder, const Tensor& z)> decode = {};
        /// The kinds of text encoders that are known.
        TextTowerKinds text_towers = clip_text_tower();
        /// Decodes in place of the model's own decoder, whose weights then need not be there.
        std::shared_ptr<const TinyDecoder> tiny_decoder = {};
        /// How the UNet is asked, if not about all of the latents at once (chapter 11: in patches).
        std::function<ConditionedModel(const ConditionedModel& unet)> unet = {};
    };

    /// Runs on the device and in the type set by Checkpoint::use(). Throws an Error for a model
    /// that is not supported (ModelSpec::problems), and for weights that are missing or have
    /// another shape (Checkpoint::check lists the first of them); no weight is read for that. Only
    /// where the spec does not know what the UNet predicts, the UNet is then loaded and asked.
    explicit LatentDiffusion(OpenedModel model);
    LatentDiffusion(OpenedModel model, Options options);

    const ModelSpec& spec() const { return model_.spec; }
    const nn::ModelSource& source() const { return model_.source; }
    const ddpm::Schedule& schedule() const { return schedule_; }

    /// Where latents, contexts and pictures are.
    Device device() const { return device_; }

    /// What is to be said to the text encoder: nothing where the model takes no text. No weight is
    /// read for it. Throws an Error as plan_prompts() does.
    [[nodiscard]] PromptPlan plan(const PromptRequest& request) const;

    /// What the UNet is given for the pictures of a plan, in the type of the weights; all other
    /// tensors here are float32, whatever the networks compute with. Empty contexts where the model
    /// takes no text. Throws an Error as with_weights() does.
    [[nodiscard]] std::vector<PictureContexts> contexts(const PromptPlan& plan) const;

    /// The UNet, which predicts in the schedule's parameterization: z [N, C, h, w], t [N] int32 or
    /// float32 -> [N, C, h, w]. It stays in memory as long as the returned function exists.
    [[nodiscard]] ConditionedModel conditioned_model() const;

    /// Pictures x [N, 3, H, W] in [-1, 1] and standard normal noise [N, C, h, w] -> latents
    /// [N, C, h, w] of variance 1. Noise of zeros gives the mean of the encoder's distribution.
    [[nodiscard]] Tensor encode(const Tensor& x, const Tensor& noise) const;

    /// z [N, C, h, w] -> pictures [N, 3, f h, f w] with values around [-1, 1].
    [[nodiscard]] Tensor decode(const Tensor& z) const;

private:
    template <class Network>
    using Loaded = std::shared_ptr<const Network>;

    std::unique_ptr<unet::DiffusionWrapper> make_unet() const;
    std::unique_ptr<FirstStageEncoder> make_encoder() const;
    std::unique_ptr<FirstStageDecoder> make_decoder() const;
    void expect_whole();
    void find_prediction();

    /// The network, loaded if it is not there. Whoever works with it holds it until they are done.
    template <class Network, class Make>
    Loaded<Network> loaded(Loaded<Network>& network, std::string_view part, const Make& make) const;

    OpenedModel model_;
    Options options_;
    ddpm::Schedule schedule_;
    Device device_;
    DType dtype_;
    /// none where the model takes no text
    std::shared_ptr<const text::Tokenizer> tokenizer_;

    /// guards the networks and the checkpoint that they are read from
    mutable std::mutex loading_;
    mutable Loaded<Conditioner> conditioner_;
    mutable Loaded<unet::DiffusionWrapper> unet_;
    mutable Loaded<FirstStageEncoder> encoder_;
    mutable Loaded<FirstStageDecoder> decoder_;
};

}  // namespace ldm::pipeline
