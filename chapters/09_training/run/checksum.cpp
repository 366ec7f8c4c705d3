#include "chapters/09_training/run/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include "common/random/mix.h"

namespace ldm::train {
namespace {

using random::mix;

/// Each step is undone by another one (xor, an odd factor), so a single changed word cannot be
/// lost.
std::uint64_t absorb(std::uint64_t hash, std::uint64_t word) {
    return std::rotl((hash ^ word) * 0x9FB21C651E98DF25, 29);
}

/// Four lanes, because a multiplication takes longer than starting the next one.
std::uint64_t hash_of(std::span<const std::byte> bytes, std::uint64_t start) {
    std::array<std::uint64_t, 4> lanes = {start, start + 1, start + 2, start + 3};
    const auto word_at = [&](std::size_t at, std::size_t size) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, size);
        return word;
    };
    std::size_t at = 0;
    for (; at + 32 <= bytes.size(); at += 32)
        for (std::size_t lane = 0; lane < 4; ++lane)
            lanes[lane] = absorb(lanes[lane], word_at(at + 8 * lane, 8));
    for (; at < bytes.size(); at += 8)
        lanes[0] = absorb(lanes[0], word_at(at, std::min<std::size_t>(8, bytes.size() - at)));
    std::uint64_t hash = bytes.size();
    for (const std::uint64_t lane : lanes) hash = absorb(hash, mix(lane));
    return mix(hash);
}

std::uint64_t hash_of(std::string_view text, std::uint64_t start) {
    return hash_of(std::as_bytes(std::span(text)), start);
}

}  // namespace

std::uint64_t checksum(std::span<const io::TensorEntry> entries,
                       const std::map<std::string, std::string>& metadata) {
    std::uint64_t sum = 0;
    for (const io::TensorEntry& entry : entries) {
        std::uint64_t hash = hash_of(entry.name, 1);
        hash = hash_of(io::name_of(entry.dtype), hash);
        hash = hash_of(std::as_bytes(std::span(entry.shape)), hash);
        sum += hash_of(entry.bytes, hash);
    }
    for (const auto& [key, value] : metadata) sum += hash_of(value, hash_of(key, 2));
    return sum;
}

std::uint64_t checksum(std::span<const std::byte> bytes) { return hash_of(bytes, 3); }

}  // namespace ldm::train
