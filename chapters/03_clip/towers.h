#pragma once

#include "chapters/03_clip/clip_model.h"
#include "common/io/json.h"

namespace ldm::clip {

/// Where a model folder has CLIP: both towers, as they were trained against each other. The UNet's
/// conditioning comes from a second text tower, `cond_stage_model.transformer`: it may have been
/// trained on with the UNet, and then it shares no embedding space with the image tower any more.
inline constexpr const char* place_in_model = "clip_model";

/// What the "cond_stage_config" of a model folder says: the sizes of both towers, and the colours
/// that the image tower was trained on (image_mean, image_std; OpenAI's, if it does not say).
struct Towers {
    ClipModel::Config sizes;
    /// of pictures in [0, 1]: [3, 1, 1]
    Tensor image_mean, image_std;

    static Towers from_json(io::Json cond_stage_config);

    /// Where the settings of a model say this: "cond_stage_config", or, where that is something
    /// else, "clip_config". Empty if there is no CLIP.
    static io::Json settings_in(const io::Json& config);

    /// Pictures [N, 3, H, W] in [-1, 1] as the image tower is given them.
    Tensor pixel_values(const Tensor& pictures) const;
};

}  // namespace ldm::clip
