#pragma once

#include <string>

#include "common/io/json.h"

/// The files that describe models in upstream's words: `target`, a class, and `params`, its
/// arguments (ldm/util.py: instantiate_from_config).

namespace ldm::pipeline {

/// What is in reference_data/configs/<name>.yaml, which is part of the program: single files do not
/// say what they are. Throws an Error for a name that is not there.
[[nodiscard]] io::Json upstream_config(const std::string& name);

/// The settings of a LatentDiffusion that such a file describes, in the form of our config.json
/// (ModelSpec). What is left out is as upstream's constructor has it (ddpm.py: LatentDiffusion):
/// scale_factor 1, and the conditioning key `concat` unless concat_mode is false, then `crossattn`;
/// none for "__is_unconditional__"; use_ema, for which averaged weights are drawn with. The size of
/// the pictures is that of the latents times the first stage's factor. "scale_by_std" stays: then
/// only the weights' file knows the scale factor (stored_buffers.h). Throws an Error for what is
/// missing.
[[nodiscard]] io::Json settings_from_upstream(const io::Json& config);

}  // namespace ldm::pipeline
