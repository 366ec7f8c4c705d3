#include "common/text/bert_tokenizer.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/text/unicode_text.h"

namespace ldm::text {
namespace {

bool is_space(UChar32 c) {
    return c == '\t' || c == '\n' || c == '\r' || u_hasBinaryProperty(c, UCHAR_WHITE_SPACE);
}

/// Characters that are dropped: control and format characters, what Unicode does not assign, and
/// what stands for an unreadable one.
bool is_dropped(UChar32 c) { return c == 0xfffd || (U_GET_GC_MASK(c) & U_GC_C_MASK) != 0; }

/// Symbols of ASCII count ($, +, <), those beyond it do not.
bool is_punctuation(UChar32 c) {
    const bool is_ascii_symbol = (c >= 33 && c <= 47) || (c >= 58 && c <= 64) ||
                                 (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    return is_ascii_symbol || (U_GET_GC_MASK(c) & U_GC_P_MASK) != 0;
}

/// CJK ideographs, in the blocks that BERT's authors list; not kana, not hangul.
bool is_ideograph(UChar32 c) {
    constexpr std::array<std::array<UChar32, 2>, 8> blocks{{{0x4e00, 0x9fff},
                                                            {0x3400, 0x4dbf},
                                                            {0x20000, 0x2a6df},
                                                            {0x2a700, 0x2b73f},
                                                            {0x2b740, 0x2b81f},
                                                            {0x2b920, 0x2ceaf},
                                                            {0xf900, 0xfaff},
                                                            {0x2f800, 0x2fa1f}}};
    return std::ranges::any_of(blocks, [c](const auto& b) { return b[0] <= c && c <= b[1]; });
}

}  // namespace

std::vector<std::u32string> bert_words(std::string_view text) {
    std::vector<std::u32string> words;
    bool goes_on = false;
    for (const char32_t character : normalized(text, Normalization::decomposed)) {
        const auto c = static_cast<UChar32>(character);
        if (is_space(c)) {
            goes_on = false;
            continue;
        }
        // an accent is a mark of its own here
        if (is_dropped(c) || u_charType(c) == U_NON_SPACING_MARK) continue;
        const bool alone = is_punctuation(c) || is_ideograph(c);
        if (alone || !goes_on) words.emplace_back();
        words.back() += static_cast<char32_t>(u_tolower(c));
        goes_on = !alone;
    }
    return words;
}

BertTokenizer::BertTokenizer(std::span<const std::string> vocabulary)
    : tokens_(vocabulary.begin(), vocabulary.end()) {
    for (const std::string& token : vocabulary)
        ids_[token] = static_cast<std::int32_t>(&token - vocabulary.data());
    pad_ = id_of(padding);
    unknown_ = id_of(unknown);
    start_ = id_of(start);
    end_ = id_of(end);
}

BertTokenizer BertTokenizer::from_file(const std::filesystem::path& vocab) {
    constexpr std::size_t most_tokens = 1'000'000;
    std::istringstream text(io::read_text_file(vocab));
    std::vector<std::string> tokens;
    for (std::string line; std::getline(text, line);) {
        if (line.ends_with('\r')) line.pop_back();
        tokens.push_back(std::move(line));
        if (tokens.size() > most_tokens)
            throw Error(fmt::format("{}: more than {} tokens", vocab.string(), most_tokens));
    }
    try {
        return BertTokenizer(tokens);
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", vocab.string(), error.what()));
    }
}

std::int32_t BertTokenizer::id_of(std::string_view token) const {
    const auto found = ids_.find(std::string(token));
    if (found == ids_.end()) throw Error(fmt::format("the vocabulary lacks the token '{}'", token));
    return found->second;
}

//! [pieces]
void BertTokenizer::add_pieces(std::u32string_view word, std::vector<std::int32_t>& ids) const {
    constexpr std::size_t longest_word = 100;
    std::vector<std::int32_t> pieces;
    for (std::size_t begin = 0; begin < word.size();) {
        // the longest piece that the vocabulary has
        std::size_t length = word.size() > longest_word ? 0 : word.size() - begin;
        std::optional<std::int32_t> id;
        for (; length > 0; --length) {
            const std::string piece = (begin > 0 ? "##" : "") + to_utf8(word.substr(begin, length));
            if (const auto found = ids_.find(piece); found != ids_.end()) {
                id = found->second;
                break;
            }
        }
        if (!id) {
            ids.push_back(unknown_);
            return;
        }
        pieces.push_back(*id);
        begin += length;
    }
    ids.insert(ids.end(), pieces.begin(), pieces.end());
}
//! [pieces]

std::vector<std::int32_t> BertTokenizer::tokenize(std::string_view text) const {
    std::vector<std::int32_t> ids;
    for (const std::u32string& word : bert_words(text)) add_pieces(word, ids);
    return ids;
}

std::string BertTokenizer::decode(std::span<const std::int32_t> ids) const {
    std::string text;
    for (const std::int32_t id : ids) {
        expect(id >= 0 && id < vocabulary_size(),
               fmt::format("expected an id below {}, got {}", vocabulary_size(), id));
        std::string_view piece = tokens_[static_cast<std::size_t>(id)];
        if (piece.starts_with("##"))
            piece.remove_prefix(2);
        else if (!text.empty())
            text += ' ';
        text += piece;
    }
    return text;
}

}  // namespace ldm::text
