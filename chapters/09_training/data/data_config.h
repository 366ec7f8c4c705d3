#pragma once

#include <string_view>

#include "common/image/resize.h"
#include "common/io/json.h"

namespace ldm::train {

/// Which part of a picture is taken that has another shape than the model's.
enum class Crop { center, random };

/// What a training does with its pictures: the part "data" of its configuration.
struct DataConfig {
    /// of the pictures the model sees
    int width = 64, height = 64;
    /// after they were made just large enough
    Crop crop = Crop::center;
    /// how they are made smaller or larger
    image::Filter filter = image::Filter::bicubic;
    /// mirror every second picture, chosen at random
    bool flip = false;
    /// draw by what is shown, not by file (batch_order.h)
    bool by_concept = false;
    /// with by_concept: this share is drawn by file nevertheless
    double by_file = 0;
    /// with by_concept: pictures of a concept that come together, hard to
    /// tell apart: what CLIP needs beside each other in a batch
    int siblings = 1;
    /// this share of captions is empty, for guidance
    double caption_dropout = 0;
    /// decoded pictures are kept up to here
    double memory_gb = 1;
};

/// Reads {"size": 64 or [width, height], "crop": "center" or "random", "filter": "nearest",
/// "bilinear", "area", "bicubic" or "lanczos", "flip", "by_concept", "by_file", "siblings",
/// "caption_dropout", "memory_gb"}; what is missing keeps its default. Throws ldm::Error naming
/// `what` and the key for anything else.
DataConfig read_data_config(const io::Json& json, std::string_view what);

}  // namespace ldm::train
