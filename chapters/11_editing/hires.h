#pragma once

#include "chapters/11_editing/img2img.h"

namespace ldm::editing {

/// A large picture in two goes: a model that has learned from small pictures composes a small one
/// well and a large one badly (two heads), but details it draws at any size.
struct HiresRequest {
    /// the small picture
    pipeline::Txt2ImgRequest drawing;
    /// by how much it is enlarged
    double scale = 2;
    /// of the second go, as img2img's
    double strength = 0.55;
    /// of the second go; absent: as many as the first
    std::optional<int> steps = {};
};

/// The second go's drawing: the first one's at the larger size, the nearest that fits the model.
/// Throws an Error for a scale outside 1 to 8.
[[nodiscard]] pipeline::Txt2ImgRequest enlarged(const HiresRequest& request,
                                                const pipeline::ModelSpec& spec);

/// Throws an Error for what either go cannot do, before weights are read.
void expect_possible(const HiresRequest& request, const pipeline::ModelSpec& spec);

/// txt2img, each picture enlarged by Lanczos' filter, and img2img of it with the same prompt and
/// seed (A1111's "hires. fix" with that upscaler). The model's options must say that it encodes.
[[nodiscard]] pipeline::Txt2ImgResult hires(const pipeline::LatentDiffusion& model,
                                            const HiresRequest& request,
                                            const ddpm::Observer& observer = {});

}  // namespace ldm::editing
