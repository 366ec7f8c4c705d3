#pragma once

#include <optional>

#include "chapters/09_training/losses/adversarial_loss.h"
#include "chapters/09_training/losses/reconstruction_loss.h"

namespace ldm::train {

/// The loss of VQModel (ldm's losses/vqperceptual.py): as LPIPSWithDiscriminator, with
/// means where that one has sums, and the loss of the codebook in place of the divergence:
///
///     loss = mean(r) + codebook_weight mean(codebook_loss) + d_weight factor g
///
/// r is the total of ReconstructionLoss. Keys perceptual_loss.…, discriminator.…
class VQLPIPSWithDiscriminator {
public:
    struct Config {
        float codebook_weight = 1.0f;
        /// entries of the codebook, to measure its perplexity
        std::optional<int> n_classes;
        ReconstructionLoss::Config reconstruction;
        AdversarialLoss::Config adversarial_loss;

        /// Upstream's keys: disc_start, codebook_weight, pixelloss_weight, disc_num_layers,
        /// disc_in_channels, disc_factor, disc_weight, perceptual_weight, use_actnorm, disc_ndf,
        /// disc_loss, n_classes, perceptual_loss (lpips), pixel_loss; and idle_before_start. Throws
        /// an Error that names another one. pixelloss_weight has no effect, as upstream.
        static Config from_json(const io::Json& json);
    };

    VQLPIPSWithDiscriminator(const nn::Params& weights, const Config& config);

    /// What the generator's optimizer minimizes, and the numbers of upstream's log.
    struct GeneratorLoss {
        /// []; its gradient flows to rec and the codebook loss
        Tensor loss;
        float total_loss = 0.0f;
        float quant_loss = 0.0f, nll_loss = 0.0f;
        /// the perceptual part included
        float rec_loss = 0.0f;
        /// the perceptual part, before its weight
        float p_loss = 0.0f;
        float d_weight = 0.0f, disc_factor = 0.0f, g_loss = 0.0f;
        /// with n_classes and indices
        std::optional<CodebookUse> codebook_use;
    };

    /// x, rec [N, 3, H, W]; codebook_loss of any shape; indices [...] int32 or empty. Without
    /// `last_layer` d_weight is 0, as in upstream's validation.
    GeneratorLoss generator(const Tensor& codebook_loss, const Tensor& x, const Tensor& rec,
                            int global_step, const LastLayer* last_layer = nullptr,
                            const Tensor& indices = {}, Mode mode = Mode::train);

    DiscriminatorLoss discriminator(const Tensor& x, const Tensor& rec, int global_step,
                                    Mode mode = Mode::train) {
        return adversarial_loss_.d_loss(x, rec, global_step, mode);
    }

private:
    Config config_;
    ReconstructionLoss reconstruction_;
    AdversarialLoss adversarial_loss_;
};

}  // namespace ldm::train
