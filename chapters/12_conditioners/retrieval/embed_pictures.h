#pragma once

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/09_training/data/picture_list.h"
#include "chapters/12_conditioners/retrieval/retrieval_index.h"

namespace ldm::conditioners {

/// The pictures of a data set (chapter 09's picture_list.h) and what the CLIP of `model_folder`
/// makes of each. One that cannot be read is left out, which is reported. Throws an Error as
/// list_pictures does, and when none can be read.
[[nodiscard]] RetrievalIndex::Pool embed_pictures(const std::filesystem::path& data,
                                                  train::Captions captions,
                                                  const std::filesystem::path& model_folder,
                                                  Device device = Device::cpu);

}  // namespace ldm::conditioners
