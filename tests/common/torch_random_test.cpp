#include "common/random/torch_random.h"

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/io/safetensors.h"
#include "tests/support/catch.h"

using namespace ldm;
using random::TorchGenerator;

namespace {

std::vector<float> randn(std::uint64_t seed, std::size_t count) {
    std::vector<float> values(count);
    TorchGenerator(seed).normal(values);
    return values;
}

std::uint32_t bits(float x) {
    return std::bit_cast<std::uint32_t>(x);
}

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
    const io::SafetensorsFile file(LDM_SOURCE_DIR
                                   "/reference_data/08_ldm_pipeline/torch_randn.safetensors");
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
