#pragma once

#include "chapters/03_clip/clip_model.h"
#include "common/io/json.h"

namespace ldm::clip {

/// Where a model folder keeps CLIP: both towers, as they learned against each other. The text tower
/// that the UNet listens to is a second one, `cond_stage_model.transformer`: it may have learned on
/// with the UNet, and then the pictures' tower would not understand it any more.
inline constexpr const char* place_in_model = "clip_model";

/// What the "cond_stage_config" of a model folder says: the sizes of both towers, and the colours
/// that the image tower was trained on (image_mean, image_std; OpenAI's, if it does not say).
struct Towers {
    ClipModel::Config sizes;
    /// of pictures in [0, 1]: [3, 1, 1]
    Tensor image_mean, image_std;

    static Towers from_json(io::Json cond_stage_config);

    /// Pictures [N, 3, H, W] in [-1, 1] as the image tower is given them.
    Tensor pixel_values(const Tensor& pictures) const;
};

}  // namespace ldm::clip
