#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace ldm::image {

struct Color {
    std::uint8_t r = 0, g = 0, b = 0;
    bool operator==(const Color&) const = default;
};

inline constexpr Color white{255, 255, 255};
inline constexpr Color black{0, 0, 0};

/// A picture of 8 bits a channel: rows from the top, pixels from the left, red green blue.
struct Image {
    int width = 0, height = 0;
    /// 3 * width * height
    std::vector<std::uint8_t> rgb;

    Image() = default;
    Image(int width, int height, Color fill = white);

    Color at(int x, int y) const {
        const std::uint8_t* p = &rgb[offset(x, y)];
        return {p[0], p[1], p[2]};
    }
    void set(int x, int y, Color color) {
        std::uint8_t* p = &rgb[offset(x, y)];
        p[0] = color.r;
        p[1] = color.g;
        p[2] = color.b;
    }
    bool operator==(const Image&) const = default;

private:
    std::size_t offset(int x, int y) const {
        return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                    static_cast<std::size_t>(x));
    }
};

/// What a picture file may have at most: known from its header, before memory is asked for.
inline constexpr std::int64_t most_pixels = 64'000'000;
inline constexpr int largest_side = 1 << 15;
inline constexpr std::size_t largest_picture_file = std::size_t{1} << 30;

/// Reads a PNG, a JPEG or a BMP; what it is, its first bytes say, not its name. What is transparent
/// lies on white, what was photographed upright stands upright. Throws ldm::Error naming the file:
/// another format (by its name), more than the limits above, a file that is damaged or ends too
/// early.
[[nodiscard]] Image load_image(const std::filesystem::path& path);

/// How opaque each pixel of a picture is, rows from the top: 0 is transparent, 255 opaque, and all
/// 255 where there is no alpha channel. Only a PNG's is read; a JPEG has none, and a BMP's is taken
/// for opaque. width * height bytes. Throws like load_image.
[[nodiscard]] std::vector<std::uint8_t> load_alpha(const std::filesystem::path& path);

/// Width and height.
struct Extent {
    int width = 0, height = 0;
    bool operator==(const Extent&) const = default;
};

/// The size that load_image would give, from the header alone, whatever the rest may hold. Throws
/// like load_image.
[[nodiscard]] Extent image_extent(const std::filesystem::path& path);

}  // namespace ldm::image
