#include "common/io/pickle.h"

#include <string>

#include "common/error.h"
#include "tests/support/catch.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using namespace ldm::io;
using namespace ldm::test::pickled;
using test::has_text;
using Kind = PickleValue::Kind;

namespace {

/// Texts of values are views of the bytes, so both are kept.
struct Read {
    explicit Read(std::string given)
        : bytes(std::move(given)), pickle(read_pickle(std::as_bytes(std::span(bytes)), "p")) {}
    const PickleValue& root() const { return pickle[pickle.root]; }
    const PickleValue& item(std::size_t i) const { return pickle[root().items.at(i)]; }
    std::string bytes;
    Pickle pickle;
};

Read read(const std::string& instructions) { return Read(whole(instructions)); }

void refused(const std::string& instructions, const std::string& words) {
    INFO(words);
    CHECK_THROWS_WITH(read(instructions), has_text("p: the pickle ") && has_text(words));
}

std::string with_zeros(const char* bytes, std::size_t length) { return {bytes, length}; }

}  // namespace

TEST_CASE("pickle: numbers, texts and constants") {
    CHECK(read("N").root().kind == Kind::none);
    CHECK(read("\x88").root().integer == 1);
    CHECK(read("\x89").root().kind == Kind::boolean);
    CHECK(read("K\xff").root().integer == 255);
    CHECK(read("M\xff\xff").root().integer == 65535);
    CHECK(read("J\xfe\xff\xff\xff").root().integer == -2);
    CHECK(read(with_zeros("\x8a\x00", 2)).root().integer == 0);
    CHECK(read("\x8a\x01\xfe").root().integer == -2);
    CHECK(read(with_zeros("\x8a\x02\xff\x00", 4)).root().integer == 255);
    CHECK(read(integer(std::int64_t{1} << 40)).root().integer == std::int64_t{1} << 40);
    CHECK(read("\x8a\x09" + std::string(9, '\x01')).root().kind == Kind::large_integer);
    CHECK(read("G12345678").root().kind == Kind::real);
    for (const std::string& cat :
         {string("cat"), with_zeros("\x8c\x03", 2) + "cat", with_zeros("T\x03\0\0\0", 5) + "cat",
          with_zeros("U\x03", 2) + "cat", with_zeros("\x8d\x03\0\0\0\0\0\0\0", 9) + "cat"}) {
        const Read got = read(cat);
        CHECK(got.root().kind == Kind::text);
        CHECK(got.root().text == "cat");
    }
    for (const std::string& bytes :
         {with_zeros("C\x03", 2) + "cat", with_zeros("B\x03\0\0\0", 5) + "cat",
          with_zeros("\x8e\x03\0\0\0\0\0\0\0", 9) + "cat",
          with_zeros("\x96\x03\0\0\0\0\0\0\0", 9) + "cat"}) {
        const Read got = read(bytes);
        CHECK(got.root().kind == Kind::bytes);
        CHECK(got.root().text == "cat");
    }
}

TEST_CASE("pickle: collections hold what was put into them, in order") {
    const std::pair<std::string, Kind> collections[] = {{"(K\x01K\x02t", Kind::tuple},
                                                        {"K\x01K\x02\x86", Kind::tuple},
                                                        {"(K\x01K\x02l", Kind::list},
                                                        {"](K\x01K\x02"
                                                         "e",
                                                         Kind::list},
                                                        {"]K\x01"
                                                         "aK\x02"
                                                         "a",
                                                         Kind::list},
                                                        {"(K\x01K\x02"
                                                         "d",
                                                         Kind::dictionary},
                                                        {"}K\x01K\x02s", Kind::dictionary},
                                                        {"}(K\x01K\x02u", Kind::dictionary},
                                                        {"\x8f(K\x01K\x02\x90", Kind::set},
                                                        {"(K\x01K\x02\x91", Kind::set}};
    for (const auto& [instructions, kind] : collections) {
        const Read got = read(instructions);
        CHECK(got.root().kind == kind);
        REQUIRE(got.root().items.size() == 2);
        CHECK(got.item(0).integer == 1);
        CHECK(got.item(1).integer == 2);
    }
    CHECK(read(")").root().items.empty());
    CHECK(read("K\x07\x85").item(0).integer == 7);
    CHECK(read("K\x07K\x08K\x09\x87").item(2).integer == 9);
}

TEST_CASE("pickle: the memo gives a value again, the same one") {
    for (const std::string memo : {"q\x05"
                                   "h\x05",
                                   "\x94h"}) {
        const Read got =
            read("](K\x09" + memo + (memo[0] == 'q' ? "" : std::string(1, '\0')) + "e");
        REQUIRE(got.root().items.size() == 2);
        CHECK(got.root().items[0] == got.root().items[1]);
    }
    const Read by_long_number = read(with_zeros("](K\x09r\0\0\0\x7fj\0\0\0\x7f", 14) + "e");
    CHECK(by_long_number.root().items.size() == 2);
    const Read in_itself = read(
        "]q\x01h\x01"
        "a");
    CHECK(in_itself.root().items == std::vector{in_itself.pickle.root});
    CHECK(read("K\x01"
               "2\x86")
              .root()
              .items.size() == 2);
    CHECK(read("K\x01K\x02"
               "0")
              .root()
              .integer == 1);
    CHECK(read("K\x01(K\x02K\x03"
               "1")
              .root()
              .integer == 1);
}

TEST_CASE("pickle: a call is a value that says what is called with what") {
    for (const std::string& instructions :
         {global("os", "system") + tuple(string("ls")) + "R",
          global("os", "system") + tuple(string("ls")) + "\x81",
          string("os") + string("system") + "\x93" + tuple(string("ls")) + "R",
          global("os", "system") + tuple(string("ls")) + "}\x92"}) {
        const Read got = read(instructions);
        REQUIRE(got.root().kind == Kind::call);
        CHECK(got.pickle[got.root().callable].kind == Kind::global);
        CHECK(got.pickle[got.root().callable].text == "os");
        CHECK(got.pickle[got.root().callable].name == "system");
        CHECK(got.pickle[got.pickle[got.root().arguments].items.at(0)].text == "ls");
    }
    const Read built = read(global("m", "f") + ")R" + string("state") + "b");
    CHECK(built.pickle[built.root().state].text == "state");
    const Read filled = read(global("m", "f") + ")R" + "(" + string("k") + integer(1) + "u");
    CHECK(filled.root().items.size() == 2);
    const Read outside = read(tuple(string("storage")) + "Q");
    CHECK(outside.root().kind == Kind::outside);
}

TEST_CASE("pickle: where it ends, and that frames are passed over") {
    const std::string framed = with_zeros("\x80\x04\x95\x02\0\0\0\0\0\0\0", 11) + "K\x07.";
    const Read got(framed + "and more");
    CHECK(got.root().integer == 7);
    CHECK(got.pickle.length == framed.size());
}

TEST_CASE("pickle: what is cut or malformed is a sentence with its place") {
    const std::string all = whole(dictionary(string("a") + tuple(integer(1) + "G12345678") +
                                             "q\x01" + string("b") + global("m", "f") + "h\x01R"));
    REQUIRE_NOTHROW(Read(all));
    for (std::size_t length = 0; length < all.size(); ++length)
        CHECK_THROWS_WITH(Read(all.substr(0, length)),
                          has_text(length == 1 ? "has no beginning" : "ends too early"));

    CHECK_THROWS_WITH(Read("K\x01."), has_text("has no beginning"));
    CHECK_THROWS_WITH(Read("\x80\x01N."), has_text("protocol 1"));
    refused("", "takes what is not there");
    refused("K\x01(", "takes what is not there");
    refused("K\x01\x86", "takes what is not there");
    refused("K\x01(\x85", "takes what is not there");
    refused("t", "takes what is not there");
    refused("h\x01", "takes what is not there");
    refused("\x94", "takes what is not there");
    refused("}(K\x01u", "a key without value");
    refused(
        "(K\x01"
        "d",
        "a key without value");
    refused("]K\x01K\x02s", "no collection of that kind");
    refused(
        "}K\x01"
        "a",
        "no collection of that kind");
    refused(
        "NK\x01"
        "a",
        "no collection of that kind");
    refused("K\x01)R", "calls what is no function");
    refused(global("m", "f") + "NR", "calls what is no function");
    refused("K\x01K\x02\x93", "something else where a name belongs");
    refused("cmodule", "ends too early");
    refused(with_zeros("X\xff\xff\xff\xff", 5), "ends too early");
    refused("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "ends too early");
    refused("\x95\xff\xff\xff\xff\xff\xff\xff\xff", "ends too early");
    refused("I1\n", "has the instruction 0x49");
    refused(std::string(2'000'001, 'N'), "larger than any checkpoint's");
}
