#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chapters/09_training/data/batch_order.h"
#include "chapters/09_training/data/picture_folder.h"
#include "common/tensor/tensor.h"

namespace ldm::train {

/// One micro-batch of a training.
struct Batch {
    /// [N, 3, height, width] in [-1, 1]
    Tensor pictures;
    /// N captions; empty where the caption was dropped
    std::vector<std::string> captions;
    /// N indices into the folder
    std::vector<std::int64_t> files;
};

/// The batches of a training. Which pictures, crops, flips and dropped captions: all of it depends
/// on the seed and the step alone.
class Batches {
public:
    /// The folder must outlive the batches.
    Batches(const PictureFolder& folder, const DataConfig& config, int batch_size,
            std::uint64_t seed);

    /// The batch of step 0, 1, ... May be called from several threads. Throws ldm::Error when no
    /// picture can be read.
    Batch at(std::int64_t step) const;

    const BatchOrder& order() const { return order_; }

private:
    const PictureFolder& folder_;
    DataConfig config_;
    BatchOrder order_;
};

/// What the model sees of a loaded picture: a crop, flipped if the draw says so; with a crop_share
/// resized after that, and without before (PictureFolder).
image::Image sample_of(const image::Image& picture, const Draw& draw, const DataConfig& config);

/// The crop of width x height pixels that a draw takes of a picture, flipped if it says so.
image::Image crop_and_flip(const image::Image& picture, const Draw& draw, int width, int height);

}  // namespace ldm::train
