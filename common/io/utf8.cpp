#include "common/io/utf8.h"

#include <fmt/format.h>

namespace ldm::text {
namespace {

/// Length of the well-formed character at the front of `s`, or 0.
std::size_t character_length(std::string_view s) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || s.size() < length) return 0;

    // The second byte alone decides about overlong forms, surrogates and the end of Unicode.
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
    return length;
}

/// U+0080 to U+009F, in UTF-8.
bool is_upper_control(std::string_view character) {
    return character.size() == 2 && character[0] == '\xC2' &&
           static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string escaped(std::string_view text, std::size_t limit, bool keep_lines) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (out.size() >= limit) return out + "...";
        const std::size_t length = character_length(text.substr(i));
        const std::string_view character = text.substr(i, length ? length : 1);
        const unsigned char byte = static_cast<unsigned char>(text[i]);
        if (byte == '\n') {
            out += keep_lines ? "\n" : "\\n";
        } else if (byte == '\t') {
            out += "\\t";
        } else if (length == 0 || byte < 0x20 || byte == 0x7F || is_upper_control(character)) {
            for (const char c : character)
                out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
        } else {
            out += character;
        }
        i += character.size();
    }
    return out;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = character_length(bytes.substr(i));
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string printable(std::string_view text, std::size_t limit) {
    return escaped(text, limit, false);
}

std::string printable_lines(std::string_view text, std::size_t limit) {
    return escaped(text, limit, true);
}

}  // namespace ldm::text
