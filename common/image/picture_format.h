#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ldm::image {

/// What a picture file is, decided by its first bytes: a name such as "cat.png" promises nothing.
enum class PictureFormat { png, jpeg, bmp, other };

PictureFormat format_of(std::span<const std::byte> file);

/// The usual name of a format that load_image does not read ("a GIF", "a WebP picture"), or empty
/// when the bytes are none that we know.
std::string_view name_of_other(std::span<const std::byte> file);

}  // namespace ldm::image
