// Random bytes as a safetensors file: either they are rejected with an ldm::Error of one line, or
// every promise of the reader holds.

#include <vector>

#include "common/io/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

using namespace ldm;
using fuzz::require;

namespace {

void check(std::span<const std::byte> file) {
    fuzz::attempt([&] {
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
    });
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    return fuzz::mutate_safetensors(data, size, most, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // in memory of exactly that size, so that a read past the end is seen
    const std::vector<std::uint8_t> exact(data, data + size);
    check(std::as_bytes(std::span(exact)));
    return 0;
}
