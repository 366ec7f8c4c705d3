#pragma once

#include <string_view>

namespace ldm::text {

/// The merges of OpenAI's CLIP, which every Stable Diffusion 1.x reads prompts with: the text of
/// reference_data/clip_bpe/merges.txt (MIT licence), part of the program.
std::string_view clip_merges();

}  // namespace ldm::text
