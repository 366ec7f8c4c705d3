#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/image/image.h"

namespace ldm::image {

/// Text that travels inside a PNG: keyword -> UTF-8. Other tools look for what made a picture under
/// `parameters`.
using PngText = std::map<std::string, std::string>;

/// The bytes of a PNG. Plain ASCII goes into tEXt chunks, other text into iTXt. Throws ldm::Error:
/// an empty picture, a keyword PNG does not allow.
[[nodiscard]] std::string encode_png(const Image& image, const PngText& text = {});

/// Writes a PNG, complete or not at all. Throws ldm::Error as encode_png does, and for a folder
/// that cannot be written and a full disk.
void save_png(const std::filesystem::path& path, const Image& image, const PngText& text = {});

/// The texts of a PNG (compressed ones left out). Throws ldm::Error when it is no PNG, is
/// truncated, or has a text whose checksum is wrong.
PngText read_png_text(const std::filesystem::path& path);

}  // namespace ldm::image
