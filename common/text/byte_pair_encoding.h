#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ldm::text {

/// token -> id
using Vocabulary = std::unordered_map<std::string, std::int32_t>;

/// Two tokens that may be joined to one, in the spelling of the merges file.
using Merge = std::pair<std::string, std::string>;

/// How the vocabularies of GPT-2 and CLIP spell a byte: a printable character ("unit") each, so
/// that every text, in any encoding, can be written with 256 units. UTF-8.
const std::array<std::string, 256>& byte_units();

/// Byte pair encoding: a word starts as its bytes, and as long as some merge of the list fits two
/// neighbours, the earliest listed one is applied (the leftmost first). The last unit of a word
/// carries the suffix `</w>`.
/// Sennrich et al., "Neural machine translation of rare words with subword units", 2016.
class BytePairEncoding {
public:
    /// Throws ldm::Error when the vocabulary lacks a unit, or a merge's parts or result.
    BytePairEncoding(const Vocabulary& vocabulary, std::span<const Merge> merges);

    /// Appends the ids of one word, which is not empty. Any length: the cost is n log n.
    void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

private:
    struct Joined {
        /// place in the list
        std::int32_t rank;
        std::int32_t id;
    };
    const Joined* find(std::int32_t left, std::int32_t right) const;

    /// id of a byte
    std::array<std::int32_t, 256> unit_;
    /// id of a byte at the end of a word
    std::array<std::int32_t, 256> last_unit_;
    std::unordered_map<std::uint64_t, Joined> merges_;
};

}  // namespace ldm::text
