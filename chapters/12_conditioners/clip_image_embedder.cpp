#include "chapters/12_conditioners/clip_image_embedder.h"

#include "chapters/02_vae/interpolation.h"
#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {

Tensor preprocess_for_clip(const Tensor& x, int size) {
    const Device device = x.device();
    const Tensor mean = Tensor::from({1, 3, 1, 1}, {0.48145466f, 0.4578275f, 0.40821073f}),
                 std = Tensor::from({1, 3, 1, 1}, {0.26862954f, 0.26130258f, 0.27577711f});
    const Tensor shares = (vae::resized_to_corners(x, size, size) + 1.0f) / 2.0f;
    return (shares - ops::to(mean, device)) / ops::to(std, device);
}

}  // namespace ldm::conditioners
