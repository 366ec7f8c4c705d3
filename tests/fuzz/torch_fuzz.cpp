// Random bytes as what torch.save writes: either they are rejected with an ldm::Error of one line,
// or every promise of the reader holds. A change of a random byte hardly ever leaves a zip file or
// a pickle whole, so two of three changes go into the parts that decide: a pickle's instructions,
// and the numbers of the zip file's directory.

#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

#include "common/io/torch_file.h"
#include "tests/fuzz/fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

using namespace ldm;
using fuzz::require;

namespace {

void check(std::span<const std::byte> file) {
    fuzz::attempt([&] {
        const io::TensorFileContents contents = io::parse_torch_file(file, "file");
        require(!contents.entries.empty());
        std::size_t copied = 0;
        for (const auto& copy : contents.copies) copied += copy.size();
        require(copied <= file.size());
        for (const io::TensorEntry& entry : contents.entries) {
            std::uint64_t count = 1;
            for (const auto extent : entry.shape) count *= static_cast<std::uint64_t>(extent);
            require(count == entry.count());
            const bool is_view =
                entry.bytes.data() >= file.data() &&
                entry.bytes.data() + entry.bytes.size() <= file.data() + file.size();
            const bool is_copy = std::ranges::any_of(contents.copies, [&](const auto& copy) {
                return copy.data() == entry.bytes.data() && copy.size() == entry.bytes.size();
            });
            require(entry.bytes.empty() || is_view || is_copy);
            require(io::read_floats(entry).size() == entry.count());
        }
    });
}

/// Where a pickle or a record of the zip file's directory begins, at random; 0 if there is none.
std::size_t place_that_decides(std::string_view file, std::mt19937& random) {
    std::vector<std::size_t> places;
    for (const std::string_view mark : {"\x80\x02", "\x80\x04", "PK\x01\x02", "PK\x05\x06"})
        for (std::size_t at = file.find(mark); at != file.npos; at = file.find(mark, at + 1))
            places.push_back(at);
    return places.empty() ? 0 : places[random() % places.size()];
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    std::mt19937 random(seed);
    if (size < 8 || random() % 3 == 0) return LLVMFuzzerMutate(data, size, most);
    const std::size_t begin = place_that_decides(fuzz::text_of(data, size), random);
    // in place: what comes after stays where the directory says that it is
    const std::size_t reach = std::min<std::size_t>(size - begin, random() % 2 ? 64 : 1024);
    std::vector<std::uint8_t> part(data + begin, data + begin + reach);
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
        const std::size_t at = random() % reach;
        const std::size_t length = std::min<std::size_t>(reach - at, 1 + random() % 8);
        if (random() % 2)
            LLVMFuzzerMutate(part.data() + at, length, length);
        else
            std::copy_n(part.begin() + static_cast<std::ptrdiff_t>(random() % (reach - length + 1)),
                        length, part.begin() + static_cast<std::ptrdiff_t>(at));
    }
    std::ranges::copy(part, data + begin);
    return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // in memory of exactly that size, so that a read past the end is seen
    const std::vector<std::uint8_t> exact(data, data + size);
    check(std::as_bytes(std::span(exact)));
    return 0;
}
