#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/image/resize.h"
#include "common/io/json.h"

namespace ldm::train {

/// Which crop is taken of a picture that has another shape than the model's.
enum class Crop { center, random };

/// How large a part of a picture is taken, as a share of the largest one of the model's shape,
/// which for a square is as wide as the picture's shorter side: drawn from min to max for every
/// sample. (ldm/data/imagenet.py: ImageNetSR's min_crop_f and max_crop_f)
struct CropShare {
    double min = 0.5, max = 1;
};

/// The data set and its augmentation: the part "data" of a configuration.
struct DataConfig {
    /// of the pictures the model sees
    int width = 64, height = 64;
    /// after a picture of another shape was resized to just cover the model's size
    Crop crop = Crop::center;
    /// with it the crop is taken from the picture as it lies there, and then resized
    std::optional<CropShare> crop_share = {};
    /// of the resize
    image::Filter filter = image::Filter::bicubic;
    /// flip left and right with probability 1/2
    bool flip = false;
    /// class-balanced sampling: every concept alike, however many pictures it has (batch_order.h)
    bool balance_concepts = false;
    /// with balance_concepts: this fraction is drawn uniformly from all pictures nevertheless
    double unbalanced_fraction = 0;
    /// with balance_concepts: pictures of a concept that come together, hard negatives for each
    /// other in CLIP's contrastive loss
    int samples_per_concept = 1;
    /// this fraction of captions is replaced by the empty one, for classifier-free guidance
    double caption_dropout = 0;
    /// decoded pictures are cached in memory up to here
    double cache_gb = 1;
    /// a file that names the pictures to be taken (list_pictures); empty: all of them
    std::string list = {};

    /// Whether a picture is the same whenever it comes.
    bool is_repeatable() const {
        const bool same_share = !crop_share || crop_share->min == crop_share->max;
        return !flip && crop == Crop::center && same_share;
    }
};

/// Reads {"size": 64 or [width, height], "crop": "center" or "random", "min_crop_f", "max_crop_f",
/// "filter": "nearest", "bilinear", "area", "bicubic" or "lanczos", "flip", "balance_concepts",
/// "unbalanced_fraction", "samples_per_concept", "caption_dropout", "cache_gb", "list"}; what is
/// missing keeps its default. Throws ldm::Error naming `what` and the key for anything else.
DataConfig read_data_config(const io::Json& json, std::string_view what);

}  // namespace ldm::train
