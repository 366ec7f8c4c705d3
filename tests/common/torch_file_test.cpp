#include "common/io/torch_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "common/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using namespace ldm::io;
using namespace ldm::test::pickled;
using test::has_text;
using test::torch_old;
using test::torch_zip;

namespace {

const std::filesystem::path stored = LDM_SOURCE_DIR "/tests/common/torch_files";

std::vector<std::byte> bytes_of(const TensorEntry& entry) {
    return {entry.bytes.begin(), entry.bytes.end()};
}

std::vector<std::string> names_of(const TensorFile& file) {
    std::vector<std::string> names;
    for (const TensorEntry& entry : file.entries()) names.push_back(entry.name);
    return names;
}

bool lies_in(const TensorEntry& entry, const TensorFile& file) {
    const auto whole = file.mapping()->bytes();
    return entry.bytes.data() >= whole.data() &&
           entry.bytes.data() + entry.bytes.size() <= whole.data() + whole.size();
}

/// Whether both hold the same tensors, every number of them; says what differs.
std::string difference(const TensorFile& file, const TensorFile& expected) {
    if (file.entries().size() != expected.entries().size()) return "another number of tensors";
    for (const TensorEntry& entry : expected.entries()) {
        const TensorEntry* found = file.find(entry.name);
        if (!found) return entry.name + " is missing";
        if (found->shape != entry.shape) return entry.name + " is " + shape_text(found->shape);
        if (found->dtype != entry.dtype) return entry.name + " has another type";
        if (bytes_of(*found) != bytes_of(entry)) return entry.name + " has other numbers";
    }
    return "";
}

TensorFileContents parse(const std::string& file) {
    return parse_torch_file(std::as_bytes(std::span(file)), "f");
}

/// The message of the error that reading the file ends with; empty if it is read.
std::string trouble(const std::string& file) {
    try {
        static_cast<void>(parse(file));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

/// A tensor of 2 x 3 float32 in the storage "0", and that storage.
std::string a_tensor() { return tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1}); }
std::string six_floats() {
    const float numbers[] = {1, 2, 3, 4, 5, 6};
    return {reinterpret_cast<const char*>(numbers), sizeof(numbers)};
}

/// A checkpoint {"w": tensor}.
std::string with_tensor(const std::string& tensor) {
    return torch_zip(dictionary(string("w") + tensor), {six_floats()});
}

}  // namespace

TEST_CASE("torch files: every format and protocol gives what PyTorch stored") {
    const std::string name = GENERATE("zip.ckpt", "zip_protocol_4.ckpt", "zip_protocol_5.ckpt",
                                      "old.ckpt", "old_protocol_4.ckpt");
    INFO(name);
    const TensorFile file = open_torch_file(stored / name);
    CHECK(difference(file, open_safetensors(stored / "formats.expected.safetensors")) == "");
    CHECK(names_of(file).front() == "f32");
    CHECK(file.format() == (name.starts_with("zip") ? "PyTorch checkpoint"
                                                    : "PyTorch checkpoint of the old format"));
    // row-major ones are not copied, and share what they shared
    for (const char* view : {"f32", "i64", "part", "tied", "one_row", "scalar"})
        CHECK(lies_in(file.at(view), file));
    CHECK(file.at("part").bytes.data() == file.at("tied").bytes.data() + 6 * 4);
    CHECK_FALSE(lies_in(file.at("transposed"), file));
}

TEST_CASE("torch files: copies live as long as somebody has the mapping") {
    std::shared_ptr<const MappedFile> mapping;
    TensorEntry entry;
    {
        const TensorFile file = open_torch_file(stored / "zip.ckpt");
        mapping = file.mapping();
        entry = file.at("transposed");
    }
    // not in the file: leaves it alone
    mapping->forget(entry.bytes);
    const std::vector<float> numbers = read_floats(entry);
    REQUIRE(numbers.size() == 24);
    for (int row = 0; row < 6; ++row)
        for (int column = 0; column < 4; ++column)
            CHECK(numbers[row * 4 + column] == static_cast<float>(column * 6 + row) / 4 - 1);
}

TEST_CASE("torch files: of a checkpoint of Lightning only the weights are read") {
    const char* name = GENERATE("lightning.ckpt", "lightning_old.ckpt");
    INFO(name);
    const TensorFile file = open_tensor_file(stored / name);
    CHECK(difference(file, open_safetensors(stored / "lightning.expected.safetensors")) == "");
    CHECK(file.metadata() ==
          std::map<std::string, std::string>{{"pytorch-lightning_version", "1.9.5"}});
}

TEST_CASE("torch files: all 256 numbers of both 8-bit floats are those of PyTorch") {
    const TensorFile expected = open_safetensors(stored / "float8.expected.safetensors");
    const char* name = GENERATE("float8.pt", "float8_old.pt");
    const TensorFile file = open_torch_file(stored / name);
    for (const char* type : {"e4m3", "e5m2"}) {
        const TensorEntry& entry = file.at(type);
        const std::vector<float> wanted = read_floats(expected.at(type)), got = read_floats(entry);
        const std::vector<std::uint16_t> halves = read_halves(entry);
        REQUIRE(wanted.size() == 256);
        REQUIRE(got.size() == 256);
        std::size_t not_finite = 0;
        for (int i = 0; i < 256; ++i) {
            INFO(type << " " << i);
            CHECK(std::isnan(got[i]) == std::isnan(wanted[i]));
            CHECK(std::signbit(got[i]) == std::signbit(wanted[i]));
            if (!std::isnan(wanted[i])) CHECK(got[i] == wanted[i]);
            // exact in 16 bits, too
            CHECK(std::isnan(half_to_float(halves[i])) == std::isnan(wanted[i]));
            if (!std::isnan(wanted[i])) CHECK(half_to_float(halves[i]) == wanted[i]);
            not_finite += !std::isfinite(wanted[i]);
        }
        CHECK(count_not_finite(entry) == not_finite);
    }
    CHECK(file.at("e4m3").dtype == DType::f8_e4m3);
    CHECK(name_of(file.at("e5m2").dtype) == "F8_E5M2");
    CHECK_THROWS_WITH(read_halves(expected.at("e4m3")), has_text("expected 8-bit floats, got F32"));
}

TEST_CASE("torch files: textual inversions, with a dictionary and with a ParameterDict") {
    const char* name = GENERATE("embedding.pt", "embedding_dict.pt");
    INFO(name);
    const TensorFile file = open_tensor_file(stored / name);
    const TensorFile expected = open_safetensors(stored / "embedding.expected.safetensors");
    const TensorEntry& vectors = file.at("string_to_param.*");
    CHECK(vectors.shape == std::vector<std::int64_t>{2, 8});
    CHECK(bytes_of(vectors) == bytes_of(expected.at("string_to_param.*")));
    if (std::string(name) == "embedding.pt") CHECK(file.metadata().at("name") == "a style");
}

TEST_CASE("torch files: the tensors of a small file, byte by byte") {
    const std::string object = dictionary(
        string("a") + a_tensor() + string("nested") +
        dictionary(integer(7) + tensor(storage("FloatStorage", "0", 6), 1, {2, 2}, {1, 3})) +
        string("title") + string("six numbers") + string("step") + integer(1));
    for (const std::string& file :
         {torch_zip(object, {six_floats()}), torch_old(object, {six_floats()}, 4)}) {
        const TensorFileContents contents = parse(file);
        REQUIRE(contents.entries.size() == 2);
        CHECK(contents.entries[0].name == "a");
        CHECK(contents.entries[0].shape == std::vector<std::int64_t>{2, 3});
        CHECK(read_floats(contents.entries[0]) == std::vector<float>{1, 2, 3, 4, 5, 6});
        CHECK(contents.entries[1].name == "nested.7");
        CHECK(read_floats(contents.entries[1]) == std::vector<float>{2, 5, 3, 6});
        CHECK(contents.metadata == std::map<std::string, std::string>{{"title", "six numbers"}});
    }
    // Python 2: an OrderedDict is called with a list of pairs
    const std::string pairs = "](](" + string("old") + a_tensor() + "ee";
    const auto of_python_2 =
        parse(torch_zip(global("collections", "OrderedDict") + tuple(pairs) + "R", {six_floats()}));
    REQUIRE(of_python_2.entries.size() == 1);
    CHECK(of_python_2.entries[0].name == "old");
}

TEST_CASE("torch files: what asks to run something is refused by name, and nothing is run") {
    const test::TemporaryFolder folder;
    const auto canary = folder / "was_here";
    const std::string command = string("touch " + canary.string());
    const auto refused = [&](const std::string& value, const std::string& name) {
        INFO(name);
        const std::string object = dictionary(string("w") + a_tensor() + string("x") + value);
        const std::string message = "f asks to run '" + name +
                                    "', which weights never need: it may be hostile, and nothing "
                                    "of it was run";
        CHECK(trouble(torch_zip(object, {six_floats()})) == message);
        CHECK(trouble(torch_old(object, {six_floats()}, 4)) == message);
    };
    refused(global("os", "system") + tuple(command) + "R", "os.system");
    refused(global("posix", "system") + tuple(command) + "R", "posix.system");
    refused(global("builtins", "eval") + tuple(string("1")) + "R", "builtins.eval");
    refused(global("__builtin__", "getattr") + tuple(string("1")) + "R", "__builtin__.getattr");
    refused(global("subprocess", "Popen") + ")\x81}b", "subprocess.Popen");
    refused(global("torch", "load") + tuple(command) + "R", "torch.load");
    refused(global("torch.hub", "load") + tuple(command) + "R", "torch.hub.load");
    refused(string("os") + string("system") + "\x93" + tuple(command) + "R", "os.system");
    // never called, only named: as dangerous a file
    refused(global("os", "system"), "os.system");
    refused(global("a.b\x1b[2J", "c"), "a.b\\x1B[2J.c");
    // a class whose __setstate__ would run what it is given
    refused(global("evil", "Class") + ")\x81" + command + "b", "evil.Class");
    CHECK_FALSE(std::filesystem::exists(canary));

    CHECK(trouble(torch_zip(dictionary(string("w") + global("torch.nn.modules.linear", "Linear")),
                            {})) ==
          "f holds a whole module ('torch.nn.modules.linear.Linear'), of which only the weights "
          "could be read: write its state_dict() instead");
    // instructions that only ask for functions in other ways
    for (const std::string instruction : {"i", "o", "\x82", "P", "\x97"})
        CHECK_THAT(trouble(torch_zip(dictionary(string("w") + "(" + instruction), {})),
                   has_text("which torch.save does not write"));
}

TEST_CASE("torch files: classes beside the weights are neither made nor called") {
    const std::string inert[] = {
        global("pytorch_lightning.callbacks", "X") + ")\x81" + dictionary(string("a") + "\x88") +
            "b",
        global("omegaconf.dictconfig", "DictConfig") + ")R" + string("state") + "b",
        global("numpy.core.multiarray", "scalar") + tuple(string("a") + "N") + "R",
        global("_codecs", "encode") + tuple(string("x") + string("latin1")) + "R",
        global("argparse", "Namespace") + ")\x81}b",
        global("typing", "Any"),
        global("__builtin__", "set") + tuple("]") + "R",
        global("collections", "deque") + ")R(" + integer(1) + "e"};
    for (const std::string& value : inert)
        CHECK(trouble(torch_zip(
                  dictionary(string("w") + a_tensor() + string("x") + value + value + integer(1)),
                  {six_floats()})) == "");
}

TEST_CASE("torch files: a tensor that lies about itself is a sentence") {
    const auto floats = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides, std::int64_t count = 6) {
        return tensor(storage("FloatStorage", "0", count), offset, shape, strides);
    };
    const auto says = [](const std::string& tensor, const std::string& words) {
        INFO(words);
        CHECK_THAT(trouble(with_tensor(tensor)), has_text(words));
    };
    says(floats(0, {2, 4}, {4, 1}), "the tensor 'w' reaches beyond its storage");
    says(floats(1, {2, 3}, {3, 1}), "reaches beyond its storage");
    says(floats(0, {2, 3}, {4, 1}), "reaches beyond its storage");
    says(floats(6, {1}, {1}), "reaches beyond its storage");
    says(floats(6, {}, {}), "reaches beyond its storage");
    const std::int64_t huge = std::int64_t{1} << 62;
    says(floats(huge, {1}, {1}), "reaches beyond its storage");
    says(floats(0, {huge, huge}, {0, 0}), "reaches beyond its storage");
    says(floats(0, {3}, {huge}), "reaches beyond its storage");
    says(floats(0, {3, 3, 3}, {huge, huge, huge}), "reaches beyond its storage");
    says(floats(0, {1'000'000'000}, {0}), "repeats its numbers and would be larger than the file");
    says(floats(0, {-1}, {1}), "no counts");
    says(floats(0, {2}, {-1}), "no counts");
    says(floats(-1, {2}, {1}), "no storage, or no place in it");
    says(floats(0, {2}, {}), "no stride for each axis");
    says(floats(0, std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)),
         "no shape or no strides");
    says(floats(0, {2}, {1}, 7), "the storage '0' has 24 bytes, its tensors say 7 elements of 4");
    says(floats(0, {2}, {1}, 5), "the storage '0' has 24 bytes");
    says(floats(0, {2}, {1}, huge), "the storage '0' has 24 bytes");
    says(floats(0, {2}, {1}, -1), "no storage of numbers");
    says(tensor(storage("FloatStorage", "1", 6), 0, {1}, {1}), "there is no 'archive/data/1'");
    says(tensor(storage("ComplexFloatStorage", "0", 3), 0, {1}, {1}), "ComplexFloatStorage");
    says(tensor(storage("UntypedStorage", "0", 24), 0, {1}, {1}), "a type that cannot be read");
    says(tensor("N", 0, {1}, {1}), "no storage");
    says(tensor(string("x") + "Q", 0, {1}, {1}), "no storage of numbers");
    says(global("torch._utils", "_rebuild_tensor_v2") + ")R", "lacks a shape");
    // an axis of one element has no stride that matters
    CHECK(trouble(with_tensor(floats(5, {1, 1}, {huge, huge}))) == "");
    CHECK(trouble(with_tensor(floats(0, {0, 5}, {huge, huge}))) == "");
    CHECK(trouble(with_tensor(floats(5, {3, 2}, {0, 0}))) == "");
}

TEST_CASE("torch files: names that are too many, too long, twice or endless are refused") {
    const auto says = [](const std::string& object, const std::string& words) {
        INFO(words);
        CHECK_THAT(trouble(torch_zip(object, {six_floats()})), has_text(words));
    };
    says(dictionary(string("a") + a_tensor() + string("a") + a_tensor()), "'a' is there twice");
    says(
        dictionary(string("a.b") + a_tensor() + string("a") + dictionary(string("b") + a_tensor())),
        "'a.b' is there twice");
    says(dictionary(string("\xff") + a_tensor()), "not UTF-8");
    says(dictionary(string(std::string(1025, 'x')) + a_tensor()), "a name that is too long");
    says(a_tensor(), "no dictionary of tensors");
    says("]", "no dictionary of tensors");
    says("}", "no tensor that has a name");
    says(dictionary(string("state_dict") + "}" + string("w") + a_tensor()),
         "no tensor that has a name");

    // a dictionary in itself
    says("}q\x01" + string("x") + "h\x01s", "too many dictionaries within each other");
    // 2^60 names out of 60 small dictionaries
    std::string bomb = dictionary(string("w") + a_tensor());
    for (int i = 0; i < 60; ++i)
        bomb = bomb + "q" + static_cast<char>(i) + "0}(" + string("a") + "h" +
               static_cast<char>(i) + string("b") + "h" + static_cast<char>(i) + "u";
    says(bomb, "than any");

    std::string nested = dictionary(string("w") + a_tensor());
    for (int i = 0; i < 64; ++i) nested = dictionary(string("x") + nested);
    says(nested, "too many dictionaries within each other");
    // brackets without end cost no stack
    says(std::string(1'000'000, ']') + "}", "no tensor that has a name");
    says(std::string(1'000'000, '(') + "}", "no tensor that has a name");
    says(std::string(2'100'000, ']') + "}", "larger than any checkpoint's");
}

TEST_CASE("torch files: a zip file with other members than torch.save writes") {
    const std::string object = whole(dictionary(string("w") + a_tensor()));
    const auto says = [](const std::vector<test::ZipEntry>& entries, const std::string& words) {
        INFO(words);
        CHECK_THAT(trouble(test::zip_of(entries)), has_text(words));
    };
    says({{"readme.txt", "x"}}, "there is no data.pkl in it");
    says({{"data.pkl", object}}, "there is no data.pkl in it");
    says({{"a/b/data.pkl", object}}, "there is no data.pkl in it");
    says({{"a/data.pkl", object}}, "there is no 'a/data/0' in it");
    says({{"a/data.pkl", object}, {"a/data/0", six_floats(), 8}},
         "'a/data/0' in it is compressed or encrypted");
    says({{"a/data.pkl", object, 8}, {"a/data/0", six_floats()}},
         "'a/data.pkl' in it is compressed");
    says({{"a/data.pkl", object}, {"a/data/0", six_floats()}, {"a/byteorder", "big"}},
         "big-endian");
    says({{"a/data.pkl", object}, {"a/data/0", "x"}}, "has 1 bytes");
    says({{"a/data.pkl", object}, {"a/data/0", six_floats()}, {"a/data/0", six_floats()}},
         "'a/data/0' is in it twice");
    says({{"a/data.pkl", object}, {"a/data/0", six_floats()}, {std::string(2000, 'x'), ""}},
         "a name that is too long");
    // paths are only keys
    const std::string up = "../../../../etc/passwd";
    says({{"a/data.pkl",
           whole(dictionary(string("w") + tensor(storage("FloatStorage", up, 6), 0, {1}, {1})))}},
         "there is no 'a/data/../../../../etc/passwd' in it");
    CHECK(trouble(test::zip_of({{"../data.pkl", object}, {"../data/0", six_floats()}})) == "");

    // the directory says that two members are in one place
    std::string overlapping = test::zip_of(
        {{"a/data.pkl", object}, {"a/data/0", six_floats()}, {"a/data/1", six_floats()}});
    const auto first = overlapping.find("PK\x03\x04", 40), last = overlapping.rfind("PK\x01\x02");
    const auto place = static_cast<std::uint32_t>(first);
    std::memcpy(overlapping.data() + last + 42, &place, 4);
    CHECK_THAT(trouble(overlapping), has_text("lie over each other"));
    // or beyond the end
    std::string beyond = test::zip_of({{"a/data.pkl", object}, {"a/data/0", six_floats()}});
    const std::uint32_t size = 1'000'000;
    std::memcpy(beyond.data() + beyond.rfind("PK\x01\x02") + 20, &size, 4);
    std::memcpy(beyond.data() + beyond.rfind("PK\x01\x02") + 24, &size, 4);
    CHECK(trouble(beyond) != "");
}

TEST_CASE("torch files: the old format with other numbers than torch.save writes") {
    const std::string object = dictionary(string("w") + a_tensor());
    const std::string whole_file = torch_old(object, {six_floats()}, 4);
    CHECK(trouble(whole_file) == "");
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string file = whole_file;
        const auto at = file.find(from);
        REQUIRE(at != file.npos);
        return trouble(file.replace(at, from.size(), to));
    };
    CHECK_THAT(with("\x6C\xFC\x9C", "\x6C\xFC\x9D"), has_text("not a PyTorch checkpoint"));
    CHECK_THAT(with(integer(1001), integer(1002)), has_text("unknown protocol"));
    CHECK_THAT(with("\x88", "\x89"), has_text("big-endian"));
    CHECK_THAT(with("](" + string("0"), "](" + string("1")),
               has_text("no tensor has the storage '1'"));
    CHECK_THAT(with("](" + string("0"), "]("), has_text("there is no storage '0'"));
    CHECK(trouble(torch_old(object, {six_floats()}, 4) + six_floats()) == "");
    const std::string six = std::string("\x06\0\0\0\0\0\0\0", 8) + six_floats();
    CHECK_THAT(with(six, std::string("\x07\0\0\0\0\0\0\0", 8) + six_floats()), has_text("cut"));
    CHECK_THAT(with(six, std::string("\x05\0\0\0\0\0\0\0", 8) + six_floats()),
               has_text("has 20 bytes"));
    CHECK_THAT(with(six, std::string(8, '\xff') + six_floats()), has_text("cut"));
    CHECK_THAT(trouble("\x80\x02N."), has_text("not a PyTorch checkpoint"));
    CHECK_THAT(trouble("\x80\x06N."), has_text("protocol 6"));
}

TEST_CASE("torch files: cut anywhere they are refused, changed anywhere they do no harm") {
    for (const char* name : {"zip.ckpt", "zip_protocol_4.ckpt", "old.ckpt", "lightning_old.ckpt"}) {
        INFO(name);
        const std::string whole = read_text_file(stored / name);
        REQUIRE(trouble(whole) == "");
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const std::string message = trouble(whole.substr(0, length));
            REQUIRE(message.starts_with("f"));
            REQUIRE(message.find('\n') == message.npos);
        }
        for (std::size_t i = 0; i < whole.size(); ++i)
            for (const int change : {1, 0x80, 0xFF}) {
                std::string changed = whole;
                changed[i] = static_cast<char>(changed[i] ^ change);
                REQUIRE(trouble(changed).find('\n') == std::string::npos);
            }
    }
}
