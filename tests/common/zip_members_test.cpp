#include "common/io/zip_members.h"

#include <string>

#include "common/error.h"
#include "tests/support/catch.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using namespace ldm::io;
using test::has_text;

namespace {

ZipMembers read(const std::string& file) {
    return read_zip_members(std::as_bytes(std::span(file)), "z");
}

}  // namespace

TEST_CASE("zip members: views of the file, and whether they are stored") {
    const std::string file = test::zip_of({{"a/b", "some bytes"}, {"empty", ""}, {"c", "xyz", 8}});
    const ZipMembers members = read(file);
    REQUIRE(members.size() == 3);
    const ZipMember& first = members.at("a/b");
    CHECK(first.is_stored);
    REQUIRE(first.bytes.size() == 10);
    CHECK(reinterpret_cast<const char*>(first.bytes.data()) == file.data() + file.find("some"));
    CHECK(members.at("empty").bytes.empty());
    CHECK_FALSE(members.at("c").is_stored);
    // something before it, as in an archive that unpacks itself
    CHECK(read("#!/bin/sh\n" + file).at("a/b").bytes.size() == 10);
}

TEST_CASE("zip members: an encrypted one is not stored as it is") {
    std::string file = test::zip_of({{"a", "bytes"}});
    for (const auto at : {file.find("PK\x03\x04") + 6, file.find("PK\x01\x02") + 8}) file[at] = 1;
    CHECK_FALSE(read(file).at("a").is_stored);
}

TEST_CASE("zip members: a file that is cut or lies is refused in a sentence") {
    const std::string whole = test::zip_of({{"a", "bytes"}, {"b", "more"}});
    for (std::size_t length = 0; length < whole.size(); ++length)
        CHECK_THROWS_WITH(read(whole.substr(0, length)), has_text("z: "));
    CHECK_THROWS_WITH(read(test::zip_of({{"a", "x"}, {"a", "y"}})), has_text("'a' is in it twice"));
    std::vector<test::ZipEntry> many;
    for (int i = 0; i < 1000; ++i) many.push_back({std::to_string(i), "x"});
    CHECK(read(test::zip_of(many)).size() == 1000);
    std::string another_name = whole;
    another_name[another_name.find("PK\x01\x02") + 28] = 90;
    CHECK_THROWS_WITH(read(another_name), has_text("z: "));
}
