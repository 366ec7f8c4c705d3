#pragma once

#include <string>
#include <vector>

#include "common/io/json.h"

namespace ldm::pipeline {

/// One of the things that a model is conditioned on: what of a data set or of a request it is, and
/// which class encodes it.
struct Condition {
    /// upstream's cond_stage_key: "caption", "class_label", "segmentation", "LR_image",
    /// "masked_image"; and "clip_embedding"
    std::string key;
    /// upstream's class without its module, "ClassEmbedder"; empty if it is taken as it is, or as
    /// the first stage encodes it
    std::string target;
    /// the arguments of its constructor
    io::Json params = io::Json::object();
};

/// What the settings of a model list, in their order: "cond_stage_config" is one object or several,
/// each with
///
///     "target", "params"   upstream's class and its arguments
///     "text_config"        of CLIP, in their place: FrozenCLIPEmbedder
///     "cond_stage_key"     what is encoded; may stand beside cond_stage_config as well, as in
///                          upstream's files, and is left out where the class says it
///
/// or one of upstream's special words, "__is_first_stage__" (of what is encoded by that) and
/// "__is_unconditional__". Without it, or with torch.nn.Identity, and without a key the
/// conditioning key says it: "adm" is a class label, "concat" a picture with a hole. Throws an
/// Error that names what is missing, unknown or there twice.
[[nodiscard]] std::vector<Condition> conditions_from(const io::Json& config);

/// "ldm.modules.encoders.modules.ClassEmbedder" -> "ClassEmbedder".
[[nodiscard]] std::string class_of(const std::string& target);

}  // namespace ldm::pipeline
