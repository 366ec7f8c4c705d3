#include "common/text/byte_pair_encoding.h"

#include <fmt/format.h>

#include <queue>
#include <tuple>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::text {
namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
}

std::array<std::string, 256> make_byte_units() {
    std::array<std::string, 256> units;
    unsigned next =
        // bytes that are no printable Latin-1 character borrow code points from here
        256;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        const unsigned code = printable ? byte : next++;
        if (code < 0x80) {
            units[byte] = static_cast<char>(code);
        } else {
            units[byte] = {static_cast<char>(0xC0 | code >> 6),
                           static_cast<char>(0x80 | (code & 0x3F))};
        }
    }
    return units;
}

}  // namespace

const std::array<std::string, 256>& byte_units() {
    static const std::array<std::string, 256> units = make_byte_units();
    return units;
}

BytePairEncoding::BytePairEncoding(const Vocabulary& vocabulary, std::span<const Merge> merges) {
    const auto id_of = [&](const std::string& token) {
        const auto found = vocabulary.find(token);
        if (found == vocabulary.end())
            throw Error(fmt::format("the vocabulary lacks the token '{}'", printable(token, 60)));
        return found->second;
    };
    for (int byte = 0; byte < 256; ++byte) {
        unit_[byte] = id_of(byte_units()[byte]);
        last_unit_[byte] = id_of(byte_units()[byte] + "</w>");
    }
    merges_.reserve(merges.size());
    std::int32_t rank = 0;
    for (const auto& [left, right] : merges)
        merges_.emplace(pair_key(id_of(left), id_of(right)), Joined{rank++, id_of(left + right)});
}

const BytePairEncoding::Joined* BytePairEncoding::find(std::int32_t left,
                                                       std::int32_t right) const {
    const auto found = merges_.find(pair_key(left, right));
    return found == merges_.end() ? nullptr : &found->second;
}

void BytePairEncoding::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
    struct Symbol {
        std::int32_t id;
        // neighbours that are still there; npos at the ends
        std::size_t previous, next;
    };
    constexpr std::size_t npos = std::string_view::npos;
    std::vector<Symbol> symbols(word.size());
    for (std::size_t i = 0; i < word.size(); ++i)
        symbols[i] = {unit_[static_cast<unsigned char>(word[i])], i - 1, i + 1};
    symbols.back().id = last_unit_[static_cast<unsigned char>(word.back())];
    symbols.back().next = npos;

    // Pairs that may be joined, earliest listed first, then leftmost. Entries grow stale when a
    // neighbour is joined to something else; they are recognised when they come up.
    struct Candidate {
        Joined joined;
        std::size_t left;
        std::int32_t left_id, right_id;
        bool operator>(const Candidate& other) const {
            return std::tie(joined.rank, left) > std::tie(other.joined.rank, other.left);
        }
    };
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](std::size_t left) {
        if (left == npos || symbols[left].next == npos) return;
        const std::int32_t left_id = symbols[left].id, right_id = symbols[symbols[left].next].id;
        if (const Joined* joined = find(left_id, right_id))
            candidates.push({*joined, left, left_id, right_id});
    };
    for (std::size_t i = 0; i < symbols.size(); ++i) consider(i);

    constexpr std::int32_t gone = -1;
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Symbol& left = symbols[best.left];
        if (left.id != best.left_id || left.next == npos || symbols[left.next].id != best.right_id)
            continue;
        Symbol& right = symbols[left.next];
        left.id = best.joined.id;
        left.next = right.next;
        right.id = gone;
        if (left.next != npos) symbols[left.next].previous = best.left;
        consider(left.previous);
        consider(best.left);
    }
    for (const Symbol& symbol : symbols)
        if (symbol.id != gone) ids.push_back(symbol.id);
}

}  // namespace ldm::text
