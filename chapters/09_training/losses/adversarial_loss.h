#pragma once

#include "chapters/09_training/losses/discriminator.h"
#include "chapters/09_training/losses/gan_losses.h"
#include "chapters/09_training/losses/loss_term.h"
#include "common/io/json.h"

namespace ldm::train {

/// What the discriminator's optimizer minimizes, and the numbers of upstream's log beside it.
struct DiscriminatorLoss {
    /// []
    Tensor loss;
    /// the same number
    float disc_loss;
    /// the mean logit of the pictures
    float logits_real;
    /// and of their reconstructions
    float logits_fake;
};

/// The adversarial term of an autoencoder's loss: a discriminator, the step from which on it
/// counts, and its weight.
class AdversarialLoss {
public:
    struct Config {
        /// first step at which the discriminator's loss counts
        int disc_start = 0;
        NLayerDiscriminator::Config discriminator;
        float disc_factor = 1.0f;
        float disc_weight = 1.0f;
        DiscLoss disc_loss = DiscLoss::hinge;

        /// Upstream trains the discriminator before disc_start too, though it does not count in the
        /// autoencoder's loss yet. With this it is not evaluated until then: its losses are 0, and
        /// its norms collect no statistics.
        bool idle_before_start = false;

        /// Reads disc_start, disc_num_layers, disc_in_channels, disc_ndf, disc_factor, disc_weight,
        /// use_actnorm, disc_loss, idle_before_start; other keys are left to the caller.
        static Config from_json(const io::Json& json);
    };

    /// `weights` is where the discriminator is.
    AdversarialLoss(const nn::Params& weights, const Config& config);

    /// 0 below disc_start, then disc_factor.
    float factor(int global_step) const;

    /// -mean(D(rec)), with its gradient with respect to rec.
    LossTerm g_loss(const Tensor& rec, int global_step, Mode mode);

    /// disc_weight times the adaptive weight; 0 without a last layer, and where no tape asks for
    /// the gradient of rec.
    float weight(const LastLayer* last_layer, const Tensor& rec, const LossTerm& nll,
                 const LossTerm& g) const;

    /// factor times the hinge or vanilla loss of D(x) and D(rec). The gradient flows to the
    /// discriminator only.
    DiscriminatorLoss d_loss(const Tensor& x, const Tensor& rec, int global_step, Mode mode);

private:
    bool is_idle(int global_step) const;

    Config config_;
    NLayerDiscriminator discriminator_;
};

}  // namespace ldm::train
