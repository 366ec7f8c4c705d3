#include "common/text/words.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace ldm::text {
namespace {

struct Character {
    // negative: no valid UTF-8
    UChar32 code = -1;
    std::size_t bytes = 0;
};

// A character has at most four bytes, and a long text need not be as long as ICU can count.
constexpr std::size_t most_bytes = 4;

Character first_of(std::string_view text) {
    const std::string_view near = text.substr(0, most_bytes);
    int32_t at = 0;
    Character c;
    U8_NEXT(near.data(), at, static_cast<int32_t>(near.size()), c.code);
    c.bytes = static_cast<std::size_t>(at);
    return c;
}

Character last_of(std::string_view text) {
    const std::string_view near =
        text.substr(text.size() > most_bytes ? text.size() - most_bytes : 0);
    auto at = static_cast<int32_t>(near.size());
    Character c;
    U8_PREV(near.data(), 0, at, c.code);
    c.bytes = near.size() - static_cast<std::size_t>(at);
    return c;
}

bool is_space(UChar32 c) {
    // Python counts the four separators of ASCII, too
    return c >= 0 && (u_hasBinaryProperty(c, UCHAR_WHITE_SPACE) || (c >= 0x1C && c <= 0x1F));
}

bool is_in_word(UChar32 c) {
    return c == '_' || (c >= 0 && (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK)) != 0);
}

}  // namespace

std::string_view trim_front(std::string_view text) {
    while (!text.empty()) {
        const Character c = first_of(text);
        if (!is_space(c.code)) break;
        text.remove_prefix(c.bytes);
    }
    return text;
}

std::string_view trim_back(std::string_view text) {
    while (!text.empty()) {
        const Character c = last_of(text);
        if (!is_space(c.code)) break;
        text.remove_suffix(c.bytes);
    }
    return text;
}

std::string_view trim(std::string_view text) { return trim_back(trim_front(text)); }

std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) {
    for (std::size_t at = text.find(word, from); at != text.npos; at = text.find(word, at + 1)) {
        const std::string_view before = text.substr(0, at), after = text.substr(at + word.size());
        if ((before.empty() || !is_in_word(last_of(before).code)) &&
            (after.empty() || !is_in_word(first_of(after).code)))
            return at;
    }
    return text.npos;
}

std::string_view word_at_front(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size()) {
        const Character c = first_of(text.substr(length));
        if (!is_in_word(c.code)) break;
        length += c.bytes;
    }
    return text.substr(0, length);
}

}  // namespace ldm::text
