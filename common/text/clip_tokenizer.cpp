#include "common/text/clip_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/utf8.h"
#include "common/text/clip_pieces.h"
#include "common/text/tokenizer_json.h"

namespace ldm::text {
namespace {

constexpr std::string_view end_of_word = "</w>";

/// The vocabulary that a list of merges implies.
Vocabulary vocabulary_of(std::span<const Merge> merges) {
    // Units that spell themselves come first, then the others (the order of OpenAI's code).
    std::vector<std::string> units;
    for (const bool borrowed : {false, true})
        for (int byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
            if (printable != borrowed) units.push_back(byte_units()[byte]);
        }
    Vocabulary vocabulary;
    std::int32_t next = 0;
    for (const auto& unit : units) vocabulary[unit] = next++;
    for (const auto& unit : units) vocabulary[unit + std::string(end_of_word)] = next++;
    for (const auto& [left, right] : merges) vocabulary[left + right] = next++;
    vocabulary[std::string(ClipTokenizer::start_marker)] = next++;
    vocabulary[std::string(ClipTokenizer::end_marker)] = next++;
    return vocabulary;
}

std::int32_t id_of(const Vocabulary& vocabulary, std::string_view token) {
    const auto found = vocabulary.find(std::string(token));
    if (found == vocabulary.end())
        throw Error(fmt::format("the vocabulary lacks the token '{}'", token));
    return found->second;
}

}  // namespace

ClipTokenizer::ClipTokenizer(std::span<const Merge> merges)
    : ClipTokenizer(vocabulary_of(merges), merges) {}

ClipTokenizer::ClipTokenizer(const Vocabulary& vocabulary, std::span<const Merge> merges)
    : words_(vocabulary, merges) {
    start_ = id_of(vocabulary, start_marker);
    end_ = pad_ = id_of(vocabulary, end_marker);
    std::int32_t last = 0;
    for (const auto& [token, id] : vocabulary) last = std::max(last, id);
    tokens_.resize(static_cast<std::size_t>(last) + 1);
    for (const auto& [token, id] : vocabulary) tokens_[static_cast<std::size_t>(id)] = token;
}

ClipTokenizer ClipTokenizer::from_merges_file(const std::filesystem::path& merges) {
    try {
        return ClipTokenizer(read_merges(merges));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", merges.string(), error.what()));
    }
}

ClipTokenizer ClipTokenizer::from_files(const std::filesystem::path& vocab_json,
                                        const std::filesystem::path& merges) {
    const io::Json json = io::read_json(vocab_json);
    try {
        return ClipTokenizer(parse_vocabulary(json), read_merges(merges));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", vocab_json.string(), error.what()));
    }
}

ClipTokenizer ClipTokenizer::from_tokenizer_json(const std::filesystem::path& path) {
    const TokenizerJson json = read_tokenizer_json(path);
    try {
        return ClipTokenizer(json.vocabulary, json.merges);
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", path.string(), error.what()));
    }
}

std::vector<std::int32_t> ClipTokenizer::tokenize(std::string_view text) const {
    std::vector<std::int32_t> ids;
    const auto add_text = [&](std::string_view part) {
        for (const std::string& piece : clip_pieces(part)) words_.encode(piece, ids);
    };
    // The two markers are tokens wherever they stand, before the text is looked at as text.
    std::size_t done = 0;
    for (std::size_t at = text.find("<|"); at != text.npos; at = text.find("<|", at)) {
        const bool is_start = text.substr(at).starts_with(start_marker);
        if (!is_start && !text.substr(at).starts_with(end_marker)) {
            at += 2;
            continue;
        }
        add_text(text.substr(done, at - done));
        ids.push_back(is_start ? start_ : end_);
        at += (is_start ? start_marker : end_marker).size();
        done = at;
    }
    add_text(text.substr(done));
    return ids;
}

void ClipTokenizer::pad_with(std::int32_t id) {
    if (id < 0 || id >= vocabulary_size())
        throw Error(fmt::format("the vocabulary of {} tokens has no token {} to pad with",
                                vocabulary_size(), id));
    pad_ = id;
}

std::string ClipTokenizer::decode(std::span<const std::int32_t> ids) const {
    static const auto byte_of_unit = [] {
        std::unordered_map<std::string_view, char> map;
        for (int byte = 0; byte < 256; ++byte)
            map.emplace(byte_units()[byte], static_cast<char>(byte));
        return map;
    }();
    std::string text;
    for (const std::int32_t id : ids) {
        std::string_view spelling = token(id);
        if (id == start_ || id == end_) {
            text.append(spelling) += ' ';
            continue;
        }
        const bool last = spelling.ends_with(end_of_word);
        if (last) spelling.remove_suffix(end_of_word.size());
        while (!spelling.empty()) {
            const std::size_t length = static_cast<unsigned char>(spelling[0]) < 0x80 ? 1 : 2;
            const auto unit = byte_of_unit.find(spelling.substr(0, length));
            if (unit != byte_of_unit.end()) text += unit->second;
            spelling.remove_prefix(std::min(length, spelling.size()));
        }
        if (last) text += ' ';
    }
    if (text.ends_with(' ')) text.pop_back();
    return text;
}

const std::string& ClipTokenizer::token(std::int32_t id) const {
    expect(id >= 0 && id < vocabulary_size(),
           fmt::format("expected an id below {}, got {}", vocabulary_size(), id));
    return tokens_[static_cast<std::size_t>(id)];
}

std::vector<Merge> read_merges(const std::filesystem::path& path) {
    return parse_merges(io::read_text_file(path), path.string());
}

std::vector<Merge> parse_merges(std::string_view text, std::string_view what) {
    // OpenAI's file has five times as many
    constexpr std::size_t clip_merges = 49152 - 256 - 2;
    std::string_view rest = text;
    std::vector<Merge> merges;
    for (std::size_t line_number = 1; !rest.empty() && merges.size() < clip_merges; ++line_number) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (line_number == 1 && line.find("#version") != line.npos)) continue;

        const std::size_t blank = line.find(' ');
        const bool two_words = blank != line.npos && blank > 0 && blank + 1 < line.size() &&
                               line.find(' ', blank + 1) == line.npos;
        if (!two_words || !is_valid_utf8(line))
            throw Error(fmt::format("{}: line {} is no merge of two tokens: '{}'", what,
                                    line_number, printable(line, 60)));
        merges.emplace_back(line.substr(0, blank), line.substr(blank + 1));
    }
    return merges;
}

std::string merges_text(std::span<const Merge> merges) {
    std::string text = "#version: 0.2\n";
    for (const auto& [left, right] : merges) text += left + " " + right + "\n";
    return text;
}

}  // namespace ldm::text
