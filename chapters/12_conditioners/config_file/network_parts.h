#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/io/json.h"

/// The files that describe upstream's models: `target`, a class, and `params`, its arguments
/// (ldm/util.py: instantiate_from_config).

namespace ldm::conditioners {

/// A network that such a file asks for.
struct NetworkPart {
    /// "UNet", "first stage", "conditioner"
    std::string name;
    /// upstream's class, "UNetModel"
    std::string target;
    std::int64_t tensors = 0, numbers = 0;
};

/// The networks of a configuration, built without weights: the three of a LatentDiffusion, or the
/// one of an autoencoder. `config` is the file's content, or the `model` in it. A first stage and a
/// conditioner that are no networks of their own (__is_first_stage__, torch.nn.Identity, …) have no
/// numbers. Losses are not counted. Throws an Error for an unknown target or word, with those that
/// are nearest, and for arguments that are missing or not supported.
[[nodiscard]] std::vector<NetworkPart> network_parts(const io::Json& config);

/// The table of them, with their bytes in float32 and float16.
[[nodiscard]] std::string parts_table(const std::vector<NetworkPart>& parts);

}  // namespace ldm::conditioners
