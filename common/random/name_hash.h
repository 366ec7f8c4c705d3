#pragma once

#include <cstdint>
#include <string_view>

namespace ldm::random {

/// FNV-1a with 64 bits: a number that depends on a name alone, the same in every language.
constexpr std::uint64_t name_hash(std::string_view name) {
    std::uint64_t h = 0xCBF29CE484222325;
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return h;
}

}  // namespace ldm::random
