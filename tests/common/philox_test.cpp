#include "common/random/philox.h"

#include <cmath>
#include <string>
#include <vector>

#include "common/io/safetensors.h"
#include "tests/support/catch.h"

using namespace ldm::random;

TEST_CASE("philox4x32: the known answers of Random123") {
    using Words = std::array<std::uint32_t, 4>;
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
          Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    const std::uint32_t ones = 0xffffffff;
    CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
          Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("PhiloxGenerator: what torch.randn(4, 4, device='cuda') prints for seed 0") {
    const std::vector<float> printed = {-0.9246624f, -0.42534423f, -2.6438458f, 0.14518386f,
                                        -0.1208664f, -0.57972574f, -0.622851f,  -0.3283869f,
                                        -1.0745419f, -0.36314395f, -1.6710504f, 2.2655048f,
                                        0.3116848f,  -0.1841891f,  1.2866427f,  1.1819527f};
    std::vector<float> values(16);
    PhiloxGenerator(0).normal(values);
    // CUDA's fast sine is good for about six digits.
    for (int i = 0; i < 16; ++i) CHECK(std::abs(values[i] - printed[i]) < 2e-6f);
}

TEST_CASE("PhiloxGenerator: the stored streams, computed apart from this code") {
    const ldm::io::TensorFile file = ldm::io::open_safetensors(
        LDM_SOURCE_DIR "/reference_data/08_ldm_pipeline/torch_randn.safetensors");
    int checked = 0;
    for (const auto& entry : file.entries()) {
        // philox.<seed>.<n>
        if (!entry.name.starts_with("philox.")) continue;
        INFO(entry.name);
        const auto expected = ldm::io::read_floats(entry);
        std::vector<float> values(expected.size());
        PhiloxGenerator(std::stoull(entry.name.substr(7))).normal(values);
        for (std::size_t i = 0; i < values.size(); ++i)
            REQUIRE(std::abs(values[i] - expected[i]) < 2e-6f);
        ++checked;
    }
    CHECK(checked > 5);
}

TEST_CASE("PhiloxGenerator: calls continue the stream, seeds differ in all 64 bits") {
    std::vector<float> a(1000), b(1000), c(1000);
    PhiloxGenerator first(7), second(7ull + (1ull << 32));
    first.normal(a);
    first.normal(b);
    second.normal(c);
    CHECK(a != b);
    CHECK(a != c);
    double sum = 0, squares = 0;
    for (const float x : a) {
        REQUIRE(std::isfinite(x));
        sum += x;
        squares += x * x;
    }
    CHECK(std::abs(sum / 1000) < 0.15);
    CHECK(std::abs(squares / 1000 - 1) < 0.25);
}

TEST_CASE(
    "PhiloxGenerator: a restored one goes on to the last bit, a state that is none is refused") {
    std::vector<float> a(33), b(33);
    PhiloxGenerator first(7ull + (3ull << 32)), second(8);
    first.normal(a);
    second.restore(first.state());
    first.normal(a), second.normal(b);
    CHECK(a == b);
    const std::string state = first.state();
    CHECK_THROWS_WITH(first.restore(state.substr(0, state.size() - 1)),
                      ldm::test::has_text("no state of a philox"));
    CHECK(first.state() == state);
}
