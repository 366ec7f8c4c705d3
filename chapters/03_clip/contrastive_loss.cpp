#include "chapters/03_clip/contrastive_loss.h"

#include "chapters/03_clip/position_ids.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"

namespace ldm::clip {

//! [cosine]
Tensor cosine_similarity(const Tensor& a, const Tensor& b) {
    return ops::matmul(ops::normalize(a), ops::normalize(b), ops::Transpose::b);
}
//! [cosine]

//! [loss]
Tensor contrastive_loss(const Tensor& logits_per_text) {
    const std::int64_t pairs = logits_per_text.dim(0);
    expect_shape(logits_per_text, {pairs, pairs});
    // text i belongs to picture i: class i in both directions
    const Tensor partner = counting_up_to(pairs);
    const Tensor logits_per_image = ops::permute(logits_per_text, {1, 0});
    return (ops::cross_entropy(logits_per_text, partner) +
            ops::cross_entropy(logits_per_image, partner)) /
           2.0f;
}
//! [loss]

Tensor zero_shot(const Tensor& logits_per_image) { return ops::softmax(logits_per_image); }

}  // namespace ldm::clip
