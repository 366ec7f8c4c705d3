#pragma once

#include "common/io/tensor_file.h"

namespace ldm::pipeline {

/// A single-file checkpoint under CompVis's names, as most have them already. Four kinds differ:
///
///   state_dict.model.diffusion_model.…     the names of a whole checkpoint, converted: the prefix
///                                          goes
///   model_ema.diffusion_modeltime_embed0weight
///                                          where there is no other UNet: its averaged weights,
///                                          which LitEma (upstream: ldm/modules/ema.py) stores
///                                          without the dots of their names; they become the UNet
///   cond_stage_model.model.transformer.resblocks.…
///                                          OpenCLIP's text tower of Stable Diffusion 2, which gets
///                                          the names of transformers' CLIPTextModel: one matrix
///                                          in_proj_weight [3 D, D] becomes q_proj, k_proj, v_proj
///   cond_stage_model.transformer.encoder.…
///                                          transformers' own names without text_model., which is
///                                          put back
///
/// Other names stay. Throws an Error when two tensors would get the same name.
[[nodiscard]] io::TensorFile with_compvis_names(const io::TensorFile& file);

/// A file of which upstream draws with the averages (ddpm.py: ema_scope): they are the UNet, and
/// the weights of the last training step are called last_step.diffusion_model.…. Unchanged unless
/// there is an average of every weight.
[[nodiscard]] io::TensorFile with_averages(const io::TensorFile& file);

}  // namespace ldm::pipeline
