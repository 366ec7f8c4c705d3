#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/text/byte_pair_encoding.h"

namespace ldm::text {

/// The object {"token": id, …} of vocab.json. Throws ldm::Error for anything else, and for an id
/// below 0 or from 10,000,000.
[[nodiscard]] Vocabulary parse_vocabulary(const io::Json& json);

struct TokenizerJson {
    Vocabulary vocabulary;
    std::vector<Merge> merges;
};

/// CLIP's vocabulary in the one file of Hugging Face's tokenizers package: `model.vocab` and
/// `model.merges`, as texts "left right" or as pairs. Throws ldm::Error, naming the file, when
/// something is missing or malformed, and for a tokenizer of another kind: no byte pairs, or words
/// that do not end in `</w>`.
[[nodiscard]] TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

}  // namespace ldm::text
