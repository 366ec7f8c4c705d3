#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Mutations that know the format: of a million random changes of a JSON text hardly one is JSON
// still, and what reads its values is never reached.

namespace ldm::fuzz {

/// `json` with one change at a random place: a number for another one, a member or element gone,
/// twice or under another name, a value of another type, a deeper level. A text that is JSON itself
/// (a metadata of safetensors) is changed inside. Empty when `json` is not valid.
std::string mutated_json(std::string_view json, unsigned seed);

/// libFuzzer's custom mutator for inputs that are JSON texts.
std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

/// And for safetensors files: mostly their header, whose length stays right.
std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t most,
                               unsigned seed);

}  // namespace ldm::fuzz
