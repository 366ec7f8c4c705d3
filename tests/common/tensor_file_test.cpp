#include "common/io/tensor_file.h"

#include <string>

#include "common/io/atomic_file.h"
#include "common/io/safetensors.h"
#include "common/io/torch_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using namespace ldm::io;
using test::has_text;

TEST_CASE("tensor files: the content decides how a file is read, not its name") {
    const test::TemporaryFolder folder;
    const std::vector<float> numbers = {1, 2};
    const std::vector<TensorEntry> entries = {entry_of("w", {2}, numbers)};
    write_safetensors(folder / "a.ckpt", entries);
    write_text_file(folder / "b.safetensors", test::torch_zip(entries));
    write_text_file(folder / "c.safetensors", test::torch_old(entries));
    for (const char* name : {"a.ckpt", "b.safetensors", "c.safetensors"}) {
        const TensorFile file = open_tensor_file(folder / name);
        CHECK(read_floats(file.at("w")) == numbers);
        CHECK(file.entries().size() == 1);
    }
    CHECK(open_tensor_file(folder / "a.ckpt").format() == "safetensors");
}

TEST_CASE("tensor files: a safetensors header whose length looks like the start of a pickle") {
    const test::TemporaryFolder folder;
    const std::vector<float> numbers = {1, 2};
    const auto write_with_header = [&](std::size_t length) {
        // 8 bytes of length, the header, 8 bytes of numbers
        std::string filler;
        for (;; filler += "x") {
            write_safetensors(folder / "a", std::vector{entry_of("w", {2}, numbers)},
                              {{"filler", filler}});
            if (std::filesystem::file_size(folder / "a") == 8 + length + 8) return;
            REQUIRE(std::filesystem::file_size(folder / "a") < 8 + length + 8);
        }
    };
    for (const std::size_t length : {0x280, 0x480}) {
        write_with_header(length);
        CHECK(read_floats(open_tensor_file(folder / "a").at("w")) == numbers);
    }
}

TEST_CASE("tensor files: a safetensors header whose length looks like the start of a web page") {
    const test::TemporaryFolder folder;
    std::string header = R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
    for (const std::size_t length : {std::size_t{'<'}, '<' + 256 * std::size_t{'h'}}) {
        header.resize(length, ' ');
        std::string bytes(8, '\0');
        bytes[0] = static_cast<char>(length & 0xFF), bytes[1] = static_cast<char>(length >> 8);
        write_text_file(folder / "a", bytes + header + "\1\2");
        CHECK(read_floats(open_tensor_file(folder / "a").at("w")) == std::vector<float>{1, 2});
    }
}

TEST_CASE("tensor files: what is something else is said so") {
    const test::TemporaryFolder folder;
    const auto refused = [&](const std::string& bytes, const std::string& words) {
        write_text_file(folder / "m.safetensors", bytes);
        CHECK_THROWS_WITH(open_tensor_file(folder / "m.safetensors"),
                          has_text("m.safetensors: ") && has_text(words));
    };
    refused("GGUF\x03", "GGUF");
    refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
    refused("<!DOCTYPE html><html>", "web page");
    refused("\r\n\n  <html lang=\"en\">", "web page");
    refused(std::string("PK\x03\x04", 4) + "archive/data.pkl", "cut, or no zip file");
    refused("\x80\x02}q\x01..........", "not a PyTorch checkpoint");
    refused("", "empty");
}

TEST_CASE("tensor files: tensors under other names") {
    const test::TemporaryFolder folder;
    const std::vector<float> numbers = {1, 2, 3};
    write_safetensors(folder / "a", std::vector{entry_of("x.a", {2}, std::span(numbers).first(2)),
                                                entry_of("x.b", {1}, std::span(numbers).last(1))});
    const TensorFile file = open_tensor_file(folder / "a");
    const TensorFile renamed = file.renamed([](const std::string& name) { return name.substr(2); });
    CHECK(read_floats(renamed.at("a")) == std::vector<float>{1, 2});
    CHECK(read_floats(renamed.at("b")) == std::vector<float>{3});
    CHECK_FALSE(renamed.contains("x.a"));
    CHECK(file.contains("x.a"));
    CHECK_THROWS_WITH(file.renamed([](const std::string&) { return "same"; }),
                      has_text("two tensors are called 'same'"));
    CHECK_THROWS_WITH(file.at("nothing"), has_text("there is no tensor 'nothing'"));
}
