#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "chapters/09_training/losses/act_norm.h"
#include "chapters/09_training/losses/batch_norm.h"
#include "common/nn/layers.h"
#include "common/random/torch_random.h"

namespace ldm::train {

/// PatchGAN discriminator: classifies each patch of a picture as real or generated (Isola et al.,
/// 2017; NLayerDiscriminator in taming's discriminator/model.py):
///
///     h = leaky(conv(x))                  4x4 pixels, stride 2
///     h = leaky(norm(conv(h)))            n_layers - 1 times with stride 2, once with stride 1
///     y = conv(h)                         one logit for each patch: high where it looks real
///
/// with leaky(x) = x where it is positive, 0.2 x elsewhere.
/// x [N, input_nc, H, W] -> [N, 1, h, w]; keys main.0, main.2, main.3, …
class NLayerDiscriminator {
public:
    struct Config {
        int input_nc = 3;
        /// channels of the first layer; they double up to eight times that
        int ndf = 64;
        int n_layers = 3;
        /// ActNorm instead of BatchNorm; then every convolution has a bias
        bool use_actnorm = false;
    };

    NLayerDiscriminator(const nn::Params& weights, const Config& config);

    /// In training the norms update their statistics: see BatchNorm2d and ActNorm.
    Tensor operator()(const Tensor& x, Mode mode);

private:
    using Norm = std::variant<BatchNorm2d, ActNorm>;
    struct Layer {
        nn::Conv2d conv;
        Norm norm;
    };

    nn::Conv2d conv_in_;
    std::vector<Layer> layers_;
    nn::Conv2d conv_out_;
};

/// Adds the initial weights of a discriminator (weights_init in taming):
/// convolutions from Normal(0, 0.02), scales of batch norms from Normal(1, 0.02), and biases as
/// torch.nn.Conv2d has them, uniform within 1 / sqrt(numbers a pixel is made of).
void add_new_discriminator(nn::Checkpoint& checkpoint, const std::string& prefix,
                           const NLayerDiscriminator::Config& config,
                           random::TorchGenerator& noise);

/// Whether a tensor of a discriminator is a buffer, in PyTorch's word: set by its norms, not by the
/// optimizer. running_mean, running_var, num_batches_tracked, initialized.
bool is_buffer(std::string_view name);

}  // namespace ldm::train
