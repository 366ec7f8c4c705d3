#include "common/io/npz.h"

#include <numeric>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/zip_members.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using test::has_text;

namespace {

/// The .npy in the .npz that is written of such an array.
std::string written(const std::vector<std::uint8_t>& bytes,
                    const std::vector<std::int64_t>& shape) {
    const test::TemporaryFolder folder;
    io::write_npz(folder / "a.npz", "some", bytes, shape);
    const std::string file = io::read_text_file(folder / "a.npz");
    const auto members = io::read_zip_members(std::as_bytes(std::span(file)), "a.npz");
    REQUIRE(members.size() == 1);
    const io::ZipMember& member = members.at("some.npy");
    REQUIRE(member.is_stored);
    return {reinterpret_cast<const char*>(member.bytes.data()), member.bytes.size()};
}

}  // namespace

TEST_CASE("npz: the format that NumPy describes") {
    std::vector<std::uint8_t> bytes(24);
    std::iota(bytes.begin(), bytes.end(), 240);
    const std::string npy = written(bytes, {2, 3, 4});
    // 128 bytes: magic, version, length, and a text that ends at a multiple of 64
    const std::string text = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }";
    CHECK(npy == std::string("\x93NUMPY\x01\x00\x76\x00", 10) + text +
                     std::string(117 - text.size(), ' ') + "\n" +
                     std::string(bytes.begin(), bytes.end()));
    CHECK_THAT(written({7}, {1}), has_text("'shape': (1,), }"));
    CHECK_THAT(written({7}, {}), has_text("'shape': (), }"));
    CHECK(written({}, {0, 4}).size() == 128);
    // whatever the length of the text, the numbers begin at a multiple of 64
    for (std::int64_t n = 1; n < 10'000'000; n *= 10)
        CHECK((written(std::vector<std::uint8_t>(n), {n, 1, 1}).size() - n) % 64 == 0);
}

TEST_CASE("npz: the same bytes for the same array, and nothing where it cannot be written") {
    const test::TemporaryFolder folder;
    const std::vector<std::uint8_t> bytes(200'000, 5);
    io::write_npz(folder / "a.npz", "a", bytes, {200'000});
    io::write_npz(folder / "b.npz", "a", bytes, {200'000});
    CHECK(io::read_text_file(folder / "a.npz") == io::read_text_file(folder / "b.npz"));
    CHECK_THROWS_WITH(io::write_npz(folder / "c.npz", "a", bytes, {100, 200}),
                      has_text("c.npz: 200000 bytes for an array of 20000 numbers"));
    CHECK_THROWS_WITH(io::write_npz(folder / "no/c.npz", "a", bytes, {200'000}),
                      has_text("no/c.npz"));
    {
        const test::FullDisk disk(100'000);
        CHECK_THROWS_AS(io::write_npz(folder / "c.npz", "a", bytes, {200'000}), Error);
    }
    CHECK_FALSE(std::filesystem::exists(folder / "c.npz"));
}
