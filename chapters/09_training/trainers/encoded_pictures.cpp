#include "chapters/09_training/trainers/encoded_pictures.h"

#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {

EncodedPictures::EncodedPictures(const vae::LatentEncoder& encoder, const DataConfig& data,
                                 Device device)
    : encoder_(encoder), is_cached_(data.is_repeatable()), device_(device) {}

Tensor EncodedPictures::operator()(const Batch& batch) {
    const ops::WithPrecision exact(ops::Precision::f32);
    if (!is_cached_) return encoder_(ops::to(batch.pictures, device_));
    std::vector<Tensor> all;
    for (std::size_t i = 0; i < batch.files.size(); ++i) {
        Tensor& cached = cache_[batch.files[i]];
        const auto n = static_cast<std::int64_t>(i);
        if (!cached) cached = encoder_(ops::to(ops::slice(batch.pictures, 0, n, n + 1), device_));
        all.push_back(cached);
    }
    return ops::concat(all, 0);
}

}  // namespace ldm::train
