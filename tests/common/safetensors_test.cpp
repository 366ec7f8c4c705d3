#include "common/io/safetensors.h"

#include <cstring>
#include <limits>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::io;
using ldm::test::has_text;

namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + rest;
}

/// A file with that header and so many bytes of data.
std::string file_with(const std::string& header, std::size_t data = 0) {
    return with_length(header.size(), header + std::string(data, '\x01'));
}

TensorFileContents parse(const std::string& file) {
    return parse_safetensors(std::as_bytes(std::span(file)), "f");
}

std::string one_tensor(const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
}

}  // namespace

TEST_CASE("safetensors: what is written is read back") {
    test::TemporaryFolder folder;
    const std::vector<float> floats = {1, -2.5f, 3e-40f, std::numeric_limits<float>::infinity(),
                                       0, 7};
    const std::vector<std::int32_t> ints = {-1, 2147483647};
    const std::vector<float> none;
    const std::vector<TensorEntry> entries = {
        entry_of("z.weight", {2, 3}, floats), entry_of("empty", {0, 4}, none),
        entry_of("a.ids", {2}, ints), entry_of("scalar", {}, std::span(floats).first(1)),
        entry_of("\u00E9t\u00E9 \"quoted\"", {3}, std::span(floats).first(3))};
    write_safetensors(folder / "a.safetensors", entries,
                      {{"format", "ldm-case v1"}, {"note", "\u20AC"}});

    const TensorFile file = open_safetensors(folder / "a.safetensors");
    CHECK(file.metadata().at("format") == "ldm-case v1");
    CHECK(file.metadata().at("note") == "\u20AC");
    REQUIRE(file.entries().size() == entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const TensorEntry& read = file.entries()[i];
        // the order of writing is the order of the bytes
        CHECK(read.name == entries[i].name);
        CHECK(read.dtype == entries[i].dtype);
        CHECK(read.shape == entries[i].shape);
        CHECK(std::equal(read.bytes.begin(), read.bytes.end(), entries[i].bytes.begin(),
                         entries[i].bytes.end()));
        CHECK(&file.at(read.name) == &read);
    }
    CHECK(read_floats(file.at("z.weight")) == floats);
    CHECK(read_integers(file.at("a.ids")) == std::vector<std::int64_t>{-1, 2147483647});
    CHECK_FALSE(file.contains("missing"));
    CHECK_THROWS_WITH(file.at("missing"), has_text("a.safetensors: there is no tensor 'missing'"));
    const auto start = reinterpret_cast<std::uintptr_t>(file.entries()[0].bytes.data());
    CHECK(start % 8 == 0);
}

TEST_CASE("safetensors: every element type is read as float, double and integer") {
    const auto entry = [](DType dtype, const auto& values) {
        return TensorEntry{"x",
                           dtype,
                           {static_cast<std::int64_t>(values.size())},
                           std::as_bytes(std::span(values))};
    };
    const std::vector<float> expected = {1, 0, 100};
    const std::vector<std::uint16_t> half = {0x3C00, 0, float_to_half(100)};
    const std::vector<std::uint16_t> bfloat = {0x3F80, 0, float_to_bfloat16(100)};
    CHECK(read_floats(entry(DType::f64, std::vector<double>{1, 0, 100})) == expected);
    CHECK(read_floats(entry(DType::f16, half)) == expected);
    CHECK(read_floats(entry(DType::bf16, bfloat)) == expected);
    CHECK(read_floats(entry(DType::i64, std::vector<std::int64_t>{1, 0, 100})) == expected);
    CHECK(read_floats(entry(DType::i16, std::vector<std::int16_t>{1, 0, 100})) == expected);
    CHECK(read_floats(entry(DType::i8, std::vector<std::int8_t>{1, 0, 100})) == expected);
    CHECK(read_floats(entry(DType::u8, std::vector<std::uint8_t>{1, 0, 100})) == expected);
    CHECK(read_doubles(entry(DType::f64, std::vector<double>{0.1})) == std::vector<double>{0.1});
    CHECK_THROWS_WITH(read_integers(entry(DType::f16, half)),
                      has_text("expected integers, got F16"));
    std::vector<float> wrong_size(2);
    CHECK_THROWS(read_floats(entry(DType::f16, half), wrong_size));
}

TEST_CASE("safetensors: numbers that are not finite are counted in every type") {
    const auto count = [](DType dtype, const auto& values) {
        return count_not_finite(TensorEntry{"x",
                                            dtype,
                                            {static_cast<std::int64_t>(values.size())},
                                            std::as_bytes(std::span(values))});
    };
    constexpr float infinity = std::numeric_limits<float>::infinity(),
                    nan = std::numeric_limits<float>::quiet_NaN(),
                    largest = std::numeric_limits<float>::max();
    const std::vector<float> floats = {1, -infinity, 0, nan, largest, -largest, 1e-45f};
    std::vector<std::uint16_t> halves, bfloats;
    for (const float x : {1.0f, -infinity, 0.0f, nan, 65504.0f}) {
        halves.push_back(float_to_half(x));
        bfloats.push_back(float_to_bfloat16(x));
    }
    CHECK(count(DType::f32, floats) == 2);
    CHECK(count(DType::f64, std::vector<double>(floats.begin(), floats.end())) == 2);
    CHECK(count(DType::f16, halves) == 2);
    CHECK(count(DType::bf16, bfloats) == 2);
    CHECK(count(DType::i32, std::vector<std::int32_t>{0x7F800000}) == 0);
    std::vector<float> many(3 << 20, 1.0f);
    many.back() = nan;
    CHECK(count(DType::f32, many) == 1);
}

TEST_CASE("safetensors: a good header is accepted in all its spellings") {
    CHECK(parse(file_with("{}")).entries.empty());
    CHECK(parse(file_with("{}      ")).entries.empty());
    CHECK(parse(file_with(R"({"__metadata__":{"a":"b"}})")).metadata.at("a") == "b");
    CHECK(parse(file_with(one_tensor("F32", "[1,2]", "[0,8]"), 8)).entries.size() == 1);
    // other writers may say more about a tensor than we know of
    CHECK(parse(file_with(R"({"w":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}})", 1))
              .entries.size() == 1);
    // tensors are found in any order of the header
    const auto two = parse(file_with(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},
                                         "b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})",
                                     5));
    CHECK(two.entries[0].name == "b");
    CHECK(two.entries[1].name == "a");
}

TEST_CASE("safetensors: a header that lies is one line that names the key") {
    const auto rejects = [](const std::string& file, const std::string& reason) {
        INFO(file.substr(0, 200));
        try {
            parse(file);
            FAIL_CHECK("accepted, expected: " << reason);
        } catch (const Error& error) {
            const std::string message = error.what();
            CHECK_THAT(message, Catch::Matchers::StartsWith("f: ") && has_text(reason));
            CHECK(message.find('\n') == std::string::npos);
        }
    };
    rejects("", "the file is empty");
    rejects("1234567", "too short");
    rejects(with_length(100, "{}"), "header length 100 does not fit");
    rejects(with_length(~0ull, "{}"), "header length 18446744073709551615");
    rejects(with_length(0, "{}"), "does not start with '{'");
    rejects(file_with("[]"), "does not start with '{'");
    rejects(file_with(" {}"), "does not start with '{'");
    rejects(file_with("{"), "not valid JSON");
    rejects(file_with(std::string("{}\0", 3)), "not valid JSON");
    rejects(file_with("{\"\xFF\":{}}"), "not UTF-8 near '{\"\\xFF\"");
    rejects(file_with(R"({"\ud800":{}})"), "not valid JSON");
    rejects(file_with(R"({"w":3})"), "no object for 'w'");
    rejects(file_with(R"({"w":{"dtype":"F32","shape":[]}})"), "no data_offsets for 'w'");
    rejects(file_with(one_tensor("F99", "[1]", "[0,4]"), 4), "unknown dtype F99 of 'w'");
    rejects(file_with(one_tensor("F32", "[-1]", "[0,4]"), 4),
            "shape must be a list of counts for 'w'");
    rejects(file_with(one_tensor("F32", "[1.0]", "[0,4]"), 4), "shape must be");
    rejects(file_with(one_tensor("F32", "[18446744073709551615]", "[0,4]"), 4), "shape must be");
    rejects(file_with(one_tensor("F32", "4", "[0,4]"), 4), "shape must be");
    rejects(file_with(one_tensor("F32", "[1]", "[0,-4]"), 4), "data_offsets must be");
    rejects(file_with(one_tensor("F32", "[1]", "[0]"), 4), "two numbers for 'w'");
    rejects(file_with(one_tensor("F32", "[1]", "[4,0]"), 4), "end before they begin for 'w'");
    rejects(file_with(one_tensor("F32", "[2]", "[0,8]"), 4),
            "reach beyond the end of the data (4 bytes) for 'w'");
    rejects(file_with(one_tensor("F32", "[3]", "[0,8]"), 8),
            "shape [3] of F32 needs 12 bytes, data_offsets give 8 for 'w'");
    rejects(file_with(one_tensor("F32", "[4611686018427387904,4]", "[0,0]")), "too large for 'w'");
    rejects(file_with(one_tensor("F32", "[4294967296,4294967296]", "[0,0]")), "too large for 'w'");
    rejects(file_with(one_tensor("F32", "[1]", "[0,4]"), 6),
            "2 unused bytes after the last tensor");
    rejects(file_with(one_tensor("F32", "[1]", "[2,6]"), 6), "unused bytes before the data of 'w'");
    rejects(file_with(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},
                          "b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})",
                      5),
            "overlaps that of another tensor: 'b'");
    rejects(file_with(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                          "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                      1),
            "duplicate key 'a'");
    rejects(file_with(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
            "duplicate key 'dtype'");
    rejects(file_with(R"({"__metadata__":{"a":1}})"), "expected a text in __metadata__ for 'a'");
    rejects(file_with(R"({"__metadata__":3})"), "__metadata__");
}

TEST_CASE("safetensors: a truncated file is rejected at every length") {
    const std::string whole = file_with(one_tensor("F32", "[2]", "[0,8]"), 8);
    CHECK_NOTHROW(parse(whole));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        // exactly as long as what is left, so that the sanitizers see a read past the end
        const std::vector<char> shorter(whole.begin(),
                                        whole.begin() + static_cast<std::ptrdiff_t>(length));
        CHECK_THROWS_AS(parse_safetensors(std::as_bytes(std::span(shorter)), "f"), Error);
    }
}

TEST_CASE("safetensors: files that cannot be opened or written") {
    test::TemporaryFolder folder;
    CHECK_THROWS_WITH(open_safetensors(folder / "missing.safetensors"),
                      has_text("missing.safetensors: cannot open"));
    write_text_file(folder / "empty.safetensors", "");
    CHECK_THROWS_WITH(open_safetensors(folder / "empty.safetensors"),
                      has_text("empty.safetensors: the file is empty"));

    const std::vector<float> x = {1, 2};
    const std::vector<TensorEntry> twice = {entry_of("x", {2}, x), entry_of("x", {2}, x)};
    CHECK_THROWS_WITH(write_safetensors(folder / "b", twice), has_text("duplicate key 'x'"));
    const std::vector<TensorEntry> misshapen = {entry_of("x", {3}, x)};
    CHECK_THROWS_WITH(write_safetensors(folder / "b", misshapen),
                      has_text("shape [3] does not fit 8 bytes of 'x'"));
    const std::vector<TensorEntry> not_utf8 = {entry_of("\xFF", {2}, x)};
    CHECK_THROWS_WITH(write_safetensors(folder / "b", not_utf8), has_text("not UTF-8"));
    CHECK_FALSE(std::filesystem::exists(folder / "b"));
    const std::vector<TensorEntry> good = {entry_of("x", {2}, x)};
    if (std::filesystem::exists("/dev/full"))
        CHECK_THROWS_WITH(write_safetensors("/dev/full", good),
                          has_text("No space left on device"));
}
