#include "chapters/11_editing/masked_channels.h"

#include "chapters/11_editing/masks.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {

Masks masks_for(const Tensor& mask, std::int64_t latent_height, std::int64_t latent_width,
                Device device) {
    return {ops::to(mask, device),
            ops::to(resize_nearest(mask, latent_height, latent_width), device)};
}

//! [beside]
Tensor masked_channels(pipeline::ConcatInput kind, const Tensor& pictures, const Masks& masks,
                       const std::function<Tensor(const Tensor& pictures)>& encode) {
    const Tensor kept = -masks.of_picture + 1.0f;
    if (kind == pipeline::ConcatInput::mask_and_picture)
        return ops::concat({masks.of_latents, encode(pictures * kept)}, 1);
    const Tensor masked = (pictures + 1.0f) * kept + -1.0f;
    return ops::concat({encode(masked), 2.0f * masks.of_latents + -1.0f}, 1);
}
//! [beside]

}  // namespace ldm::editing
