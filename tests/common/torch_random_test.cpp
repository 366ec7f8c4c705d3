#include "common/random/torch_random.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/io/safetensors.h"
#include "common/random/philox.h"
#include "tests/support/catch.h"

using namespace ldm;
using random::TorchGenerator;

namespace {

std::vector<float> randn(std::uint64_t seed, std::size_t count) {
    std::vector<float> values(count);
    TorchGenerator(seed).normal(values);
    return values;
}

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

}  // namespace

TEST_CASE("TorchGenerator: the first values of torch.randn, bit for bit") {
    // printed by torch 2.15: torch.manual_seed(s); torch.randn(n)[:4].view(torch.int32)
    struct Known {
        std::uint64_t seed;
        std::size_t size;
        std::vector<std::uint32_t> values;
    };
    for (const Known& known :
         std::vector<Known>{{0, 4, {1069891420, 3197516880, 3221975369, 1058112694}},
                            {1, 4, {1059671648, 1049143879, 1031577931, 1058999975}},
                            {42, 4, {1051484846, 1040443037, 1047533287, 1047256172}},
                            {0, 16, {3213892485, 3214114954, 3196079062, 3202229597}},
                            {1, 16, {3217245882, 3208646449, 3207031627, 3217949593}},
                            {42, 20, {1073128745, 1069440851, 1063687527, 3221668059}}}) {
        const auto values = randn(known.seed, known.size);
        for (int i = 0; i < 4; ++i) CHECK(bits(values[i]) == known.values[i]);
    }
}

TEST_CASE("TorchGenerator: every stored torch.randn comes out bit for bit") {
    const io::TensorFile file = io::open_safetensors(
        LDM_SOURCE_DIR "/reference_data/08_ldm_pipeline/torch_randn.safetensors");
    const auto require_equal = [](const std::vector<float>& values,
                                  const std::vector<float>& expected) {
        for (std::size_t i = 0; i < expected.size(); ++i)
            REQUIRE(bits(values[i]) == bits(expected[i]));
    };
    int checked = 0;
    for (const io::TensorEntry& entry : file.entries()) {
        // randn.<seed>.<n>, but for randn.<seed>.then.<call>.<n>
        if (!entry.name.starts_with("randn.") || entry.name.find("then") != std::string::npos)
            continue;
        INFO(entry.name);
        const auto seed = std::stoull(entry.name.substr(6));
        require_equal(randn(seed, entry.count()), io::read_floats(entry));
        ++checked;
    }
    CHECK(checked > 50);

    TorchGenerator calls(42);
    for (const std::string name :
         {"randn.42.then.0.20", "randn.42.then.1.3", "randn.42.then.2.16"}) {
        INFO(name);
        const auto expected = io::read_floats(file.at(name));
        std::vector<float> values(expected.size());
        calls.normal(values);
        require_equal(values, expected);
    }
}

TEST_CASE("TorchGenerator: calls continue the stream") {
    // Odd small calls leave the second number of a pair for the next call.
    TorchGenerator a(3), b(3);
    std::vector<float> parts(12), whole(12);
    a.normal(std::span(parts).first(5));
    a.normal(std::span(parts).subspan(5, 0));
    a.normal(std::span(parts).subspan(5));
    b.normal(whole);
    CHECK(parts == whole);
}

TEST_CASE("TorchGenerator: rand and randint") {
    // torch.manual_seed(0); torch.rand(3); then torch.manual_seed(0); torch.randint(0, 1000, (5,))
    std::vector<float> uniform(3);
    TorchGenerator(0).uniform(uniform);
    CHECK(uniform ==
          std::vector<float>{0.49625658988952637f, 0.7682217955589294f, 0.08847743272781372f});

    std::vector<std::int64_t> integers(5);
    TorchGenerator(0).randint(0, 1000, integers);
    CHECK(integers == std::vector<std::int64_t>{44, 239, 933, 760, 963});
    CHECK_THROWS_AS(TorchGenerator(0).randint(3, 3, integers), Error);
}

TEST_CASE("TorchGenerator: randint takes 64 bits from a range of 2^28 on") {
    // torch 2.15: torch.manual_seed(0); torch.randint(low, high, (3,))
    struct Known {
        std::int64_t low, high;
        std::vector<std::int64_t> values;
    };
    const std::int64_t least = std::numeric_limits<std::int64_t>::min();
    for (const Known& known : std::vector<Known>{
             {0, 268435455ll, {209652404ll, 130329144ll, 118924928ll}},
             {0, 268435456ll, {130329135ll, 136432832ll, 195187451ll}},
             {-5, 4294967296ll, {3645469917ll, 1152420993ll, 3625505462ll}},
             {0, 1099511627783ll, {741216170217ll, 506053275190ll, 291376868374ll}},
             {least,
              9223372036854775807ll,
              {900450186894289455ll, 3969543146641149120ll, 1895649597198586619ll}}}) {
        std::vector<std::int64_t> values(known.values.size());
        TorchGenerator(0).randint(known.low, known.high, values);
        CHECK(values == known.values);
    }
}

TEST_CASE("TorchGenerator: randperm") {
    // torch 2.15: torch.manual_seed(0); torch.randperm(10); torch.rand(1)
    TorchGenerator generator(0);
    CHECK(generator.randperm(10) == std::vector<std::int64_t>{4, 1, 7, 5, 3, 9, 0, 8, 6, 2});
    std::vector<float> next(1);
    generator.uniform(next);
    CHECK(next[0] == 0.632306278f);
    // torch.manual_seed(7); torch.randperm(5000)[:4], and the sum of position times number
    const auto many = TorchGenerator(7).randperm(5000);
    CHECK(std::vector(many.begin(), many.begin() + 4) ==
          std::vector<std::int64_t>{1615, 4214, 1149, 2766});
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < many.size(); ++i) sum += static_cast<std::int64_t>(i) * many[i];
    CHECK(sum == 31095950964);
    CHECK(generator.randperm(0).empty());
    CHECK(generator.randperm(1) == std::vector<std::int64_t>{0});
    CHECK_THROWS_AS(generator.randperm(-1), Error);
    CHECK_THROWS_AS(generator.randperm(1ll << 40), Error);
}

TEST_CASE("TorchGenerator: a restored one goes on to the last bit") {
    // after an odd number of normal ones the second of a pair waits; after 40 words the twister is
    // in the middle of its 624
    for (const int drawn : {0, 3, 4, 40, 700}) {
        INFO(drawn);
        TorchGenerator first(11), second(99);
        std::vector<float> before(drawn), a(9), b(9);
        first.normal(before);
        second.restore(first.state());
        CHECK(second.state() == first.state());
        first.normal(a), second.normal(b);
        CHECK(a == b);
        CHECK(first.randperm(50) == second.randperm(50));
    }
}

TEST_CASE("TorchGenerator: a state that is none is refused and changes nothing") {
    TorchGenerator generator(5);
    const std::string good = generator.state();
    std::string edited = good;
    edited[20] = edited[20] == '1' ? '2' : '1';
    for (const std::string& bad : {std::string(), std::string("mt19937"), good.substr(0, 300),
                                   good + " ", edited, random::PhiloxGenerator(5).state()}) {
        CHECK_THROWS_WITH(generator.restore(bad),
                          test::has_text("no state of a mt19937 generator"));
        CHECK(generator.state() == good);
    }
}

TEST_CASE("TorchGenerator: the numbers are normal") {
    const auto values = randn(5, 100'000);
    double sum = 0, squares = 0;
    for (const float x : values) {
        REQUIRE(std::isfinite(x));
        sum += x;
        squares += double(x) * x;
    }
    CHECK(std::abs(sum / 1e5) < 0.02);
    CHECK(std::abs(squares / 1e5 - 1) < 0.02);
}
