// Random bytes as a safetensors file: either they are rejected with an ldm::Error of one line, or
// every promise of the reader holds.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/io/safetensors.h"

using namespace ldm;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check(std::span<const std::byte> file) {
    try {
        const auto header = io::parse_safetensors(file, "file");
        for (const io::TensorEntry& entry : header.entries) {
            std::uint64_t count = 1;
            for (const auto extent : entry.shape) count *= static_cast<std::uint64_t>(extent);
            require(count == entry.count());
            require(entry.bytes.empty() ||
                    (entry.bytes.data() >= file.data() &&
                     entry.bytes.data() + entry.bytes.size() <= file.data() + file.size()));
            require(io::read_doubles(entry).size() == entry.count());
            require(io::read_floats(entry).size() == entry.count());
        }
    } catch (const Error& error) {
        require(std::strchr(error.what(), '\n') == nullptr);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // As it is, and in memory of exactly that size, so that a read past the end is seen.
    const std::vector<std::uint8_t> raw(data, data + size);
    check(std::as_bytes(std::span(raw)));

    // As a header whose length is right, which random bytes would seldom get: the first byte says
    // how much data follows.
    if (size == 0) return 0;
    const std::uint64_t length = size - 1;
    std::vector<std::uint8_t> file(8);
    std::memcpy(file.data(), &length, 8);
    file.insert(file.end(), data + 1, data + size);
    file.resize(file.size() + data[0]);
    check(std::as_bytes(std::span(file)));
    return 0;
}
