#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chapters/01_ddpm/ema.h"
#include "common/autograd/tape.h"
#include "common/io/safetensors.h"
#include "common/nn/params.h"

/// The weights of a network as a trainer owns them. A module holds handles, not numbers: what an
/// optimizer writes into these weights is what the module computes with next.
///
///     std::optional<unet::UNetModel> unet;
///     Weights weights = weights_of([&](const nn::Params& p) { unet.emplace(p, config); },
///                                  copied_from(checkpoint.root() / "model" / "diffusion_model"));
///     Tape tape;
///     watch(tape, weights);
///     const Tensor y = (*unet)(x, t, context);
///     optimizer.step(gradients_of(tape.backward(y, dy), weights), learning_rate);

namespace ldm::train {

/// Names -> numbers, in alphabetical order of the names.
using ddpm::Weights;

/// Makes the initial numbers of a weight.
using MakeWeight = std::function<Tensor(const std::string& name, const Shape& shape)>;

/// The weights that a network asks for when `build` constructs it from the Params it is given, each
/// made by `make`. The network stays joined to them.
Weights weights_of(const std::function<void(const nn::Params&)>& build, const MakeWeight& make);

/// Makes weights by copying those of the same name below `weights`, which may lie in a file that
/// must not be written to. Whether all were there, its Checkpoint::check() tells.
MakeWeight copied_from(const nn::Params& weights);

/// What `make` makes, on a device.
MakeWeight on(MakeWeight make, Device device);

/// Numbers of their own under the same names.
Weights copy_of(const Weights& weights);

/// The same weights on a device; where they are there already the numbers are shared.
Weights on(const Weights& weights, Device device);

/// The weights under whose names `chosen` says yes. The numbers are shared.
Weights select(const Weights& weights, const std::function<bool(const std::string& name)>& chosen);

/// Adds the weights to a checkpoint, for building networks from it. The numbers are shared.
void add_weights(const Weights& weights, nn::Checkpoint& checkpoint);

void watch(Tape& tape, const Weights& weights);

/// By the names of the weights; zeros for a weight that the result does not depend on.
Weights gradients_of(const Gradients& gradients, const Weights& weights);

/// What write_safetensors() needs to write the weights as `prefix` + name. Views: the weights must
/// be on the CPU and outlive them.
std::vector<io::TensorEntry> entries_of(const Weights& weights, const std::string& prefix = "");

/// Writes the numbers that a file has as `prefix` + name over those of the weights, in place.
/// Throws one Error, before anything is written, that names what is missing, has another shape or
/// type, or stands below a prefix that is not empty without being a weight.
void read_weights(const io::TensorFile& file, Weights& weights, const std::string& prefix = "");

}  // namespace ldm::train
