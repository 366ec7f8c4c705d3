#pragma once

#include "common/io/json.h"
#include "common/io/tensor_file.h"

namespace ldm::pipeline {

/// Upstream keeps the noise schedule's tables beside the weights (ddpm.py: register_schedule), and
/// so a file says itself what it was trained with, whatever is known of its family. The settings
/// with what its buffers say:
///
///     betas [T]        If they are those of the settings, up to rounding, nothing changes.
///                      Else they become a "linear" schedule of other ends, if they are
///                      one, or "given_betas". 8-bit floats say nothing, they are too coarse.
///     scale_factor []  Where the settings ask for it with "scale_by_std", which upstream measures
///                      on its first batch.
///
/// Throws an Error for betas that are none, and where a scale factor is asked for and missing.
[[nodiscard]] io::Json with_stored_buffers(io::Json settings, const io::TensorFile& file);

}  // namespace ldm::pipeline
