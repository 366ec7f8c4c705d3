#include "common/image/png.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <fmt/format.h>
#include <stb_image_write.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

// The format of a PNG: a signature of 8 bytes, then chunks of
//     length (4 bytes, big-endian) | type (4 letters) | data | CRC-32 of type and data
// of which the first is IHDR. https://www.w3.org/TR/png-3/

namespace ldm::image {
namespace {

constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
// signature and the whole IHDR chunk
constexpr std::size_t header_end = 8 + 4 + 4 + 13 + 4;

std::uint32_t crc32(std::string_view bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> entries;
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
            entries[i] = c;
        }
        return entries;
    }();
    std::uint32_t crc = 0xFFFFFFFFu;
    for (const char byte : bytes)
        crc = table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ crc >> 8;
    return ~crc;
}

std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
            static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::uint32_t read_big_endian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= 0x20 ? c < 0x7F : c == '\n'; });
}

std::string text_chunk(const std::string& keyword, const std::string& text) {
    const bool allowed = !keyword.empty() && keyword.size() < 80 && is_ascii(keyword) &&
                         keyword.find('\n') == keyword.npos;
    if (!allowed || !text::is_valid_utf8(text) || text.find('\0') != text.npos)
        throw Error(fmt::format(
            "PNG text '{}': the keyword must be 1 to 79 ASCII characters, the text UTF-8",
            text::printable(keyword)));
    std::string body = is_ascii(text) ? "tEXt" : "iTXt";
    body += keyword;
    body += '\0';
    // not compressed, no language, no translation
    if (!is_ascii(text)) body.append("\0\0\0\0", 4);
    body += text;
    return big_endian(static_cast<std::uint32_t>(body.size() - 4)) + body + big_endian(crc32(body));
}

std::string latin1_to_utf8(std::string_view latin1) {
    std::string utf8;
    for (const char c : latin1) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            utf8 += c;
        } else {
            utf8 += static_cast<char>(0xC0 | byte >> 6);
            utf8 += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return utf8;
}

/// Adds the text of one chunk to `found`, if it is a text.
void read_chunk(std::string_view type, std::string_view data, PngText& found) {
    const std::size_t keyword_end = data.find('\0');
    if ((type != "tEXt" && type != "iTXt") || keyword_end == data.npos) return;
    const std::string keyword(data.substr(0, keyword_end));
    data.remove_prefix(keyword_end + 1);
    if (type == "tEXt") {
        found[keyword] = latin1_to_utf8(data);
        return;
    }
    // compressed
    if (data.size() < 2 || data[0] != 0) return;
    data.remove_prefix(2);
    // language, translated keyword
    for (int skip = 0; skip < 2; ++skip) {
        const std::size_t end = data.find('\0');
        if (end == data.npos) return;
        data.remove_prefix(end + 1);
    }
    found[keyword] = std::string(data);
}

}  // namespace

std::string encode_png(const Image& image, const PngText& text) {
    if (image.width <= 0 || image.height <= 0) throw Error("an empty picture cannot be written");
    std::string png;
    const auto append = [](void* target, void* data, int size) {
        static_cast<std::string*>(target)->append(static_cast<char*>(data),
                                                  static_cast<std::size_t>(size));
    };
    const int row_bytes = 3 * image.width;
    if (!stbi_write_png_to_func(append, &png, image.width, image.height, 3, image.rgb.data(),
                                row_bytes))
        throw Error("the picture could not be encoded");

    std::string chunks;
    for (const auto& [keyword, value] : text) chunks += text_chunk(keyword, value);
    png.insert(header_end, chunks);
    return png;
}

void save_png(const std::filesystem::path& path, const Image& image, const PngText& text) {
    io::write_text_file(path, encode_png(image, text));
}

PngText read_png_text(const std::filesystem::path& path) {
    const std::string file = io::read_text_file(path);
    std::string_view rest = file;
    if (!rest.starts_with(signature)) throw Error(fmt::format("{}: not a PNG file", path.string()));
    rest.remove_prefix(signature.size());
    PngText found;
    while (rest.size() >= 12) {
        const std::size_t length = read_big_endian(rest);
        if (length > rest.size() - 12)
            throw Error(fmt::format("{}: the PNG file is truncated", path.string()));
        const std::string_view type = rest.substr(4, 4);
        if ((type == "tEXt" || type == "iTXt") &&
            crc32(rest.substr(4, 4 + length)) != read_big_endian(rest.substr(8 + length)))
            throw Error(fmt::format("{}: the text in it is damaged (its checksum is wrong)",
                                    path.string()));
        read_chunk(type, rest.substr(8, length), found);
        rest.remove_prefix(length + 12);
    }
    return found;
}

}  // namespace ldm::image
