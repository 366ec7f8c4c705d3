#pragma once

#include "chapters/08_ldm_pipeline/text_tower.h"

namespace ldm::conditioners {

/// All text encoders that this program knows: chapter 08's, and BERTEmbedder. The latter reads with
/// the vocabulary `vocab.txt` of a model folder, or, where there is none, of bert-base-uncased,
/// which lies beside the program (io::data_path).
[[nodiscard]] pipeline::TextTowerKinds all_text_towers();

}  // namespace ldm::conditioners
