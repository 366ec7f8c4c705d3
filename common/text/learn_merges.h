#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "common/text/byte_pair_encoding.h"

namespace ldm::text {

/// The vocabulary that byte pair encoding makes of texts: again and again the two neighbours that
/// occur together most often become one token, of equals the first in the alphabet, until there are
/// `count` merges or nothing is left to be joined. Texts are cut like prompts (clip_pieces). Throws
/// ldm::Error when one is not valid UTF-8. Sennrich et al., "Neural machine translation of rare
/// words with subword units", 2016.
std::vector<Merge> learn_merges(std::span<const std::string> texts, int count);

/// As `merges.txt`, which ClipTokenizer::from_merges_file() reads.
void write_merges_file(const std::filesystem::path& path, std::span<const Merge> merges);

}  // namespace ldm::text
