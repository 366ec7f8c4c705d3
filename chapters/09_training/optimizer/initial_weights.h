#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chapters/09_training/optimizer/trainable.h"
#include "common/io/json.h"

/// The initial weights of the networks.
///
///     Weights weights = weights_of(build, initial_weights(unet_rules(), seed));

namespace ldm::train {

/// How one tensor is initialized.
struct Init {
    enum class Kind {
        /// as PyTorch's layers do it; the default for every tensor without a rule
        layer,
        zero,
        one,
        /// `number` everywhere
        value,
        /// standard deviation `number`, mean 0, or 1 for the weight of a norm
        normal,
        /// uniform between +-1 / rows
        per_row
    };
    Kind kind = Kind::layer;
    double number = 0.0;

    static Init normal(double std) { return {Kind::normal, std}; }
    static Init value(double number) { return {Kind::value, number}; }
};

/// Tensors whose names fit `pattern`, in which a * stands for any characters.
struct Rule {
    std::string pattern;
    Init init;
};

/// Where a network differs from PyTorch's layers. The first rule that matches a name counts.
using Rules = std::vector<Rule>;

/// UNetModel (openaimodel.py; zero_module): the last layer of every residual branch begins at zero,
/// so that each residual block begins as the identity.
const Rules& unet_rules();

/// The autoencoders and the codebook of VQModel (autoencoder.py, taming's quantize.py).
const Rules& autoencoder_rules();

/// What encodes a UNet's conditions (encoders/modules.py): PyTorch's layers and embeddings.
const Rules& condition_rules();

/// NLayerDiscriminator (taming's weights_init): narrower than PyTorch's layers.
const Rules& discriminator_rules();

/// CLIPModel of transformers (CLIPPreTrainedModel._init_weights, initializer_factor 1): smaller
/// standard deviations the more residual layers add up. `config` has text_config, vision_config and
/// projection_dim as in a config.json; one of the first two may be missing.
Rules clip_rules(const io::Json& config);

/// Makes initial weights for weights_of(). The numbers of a tensor depend on its name, its shape,
/// the rules and the seed, not on what else is in the network. A tensor without a rule is
/// initialized as in PyTorch's layers (Linear, Conv and norms; He et al., 2015):
///
///     weight [out, in, ...]         uniform between +-1 / sqrt(fan in), fan in = size / out
///     bias beside such a weight     the same
///     weight [n] of a norm          1
///     bias beside such a weight     0
///
/// Throws for a tensor that is neither weight nor bias and has no rule, and for a bias that is
/// asked for before its weight.
MakeWeight initial_weights(const Rules& rules, std::uint64_t seed);

}  // namespace ldm::train
