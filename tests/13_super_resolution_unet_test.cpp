#include "chapters/13_super_resolution/ddpm_unet.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::has_text;

TEST_CASE("the DDPM paper's UNet takes sizes that can be halved, and the time", "[unet]") {
    test::StoredModel stored("13_super_resolution/Model.attention_below");
    using Unet = super_resolution::DdpmUNet;
    const Unet unet(stored.params(), Unet::Config::from_json(stored.config()));
    const auto at = [](std::int32_t t) { return Tensor::ints({1}, std::vector{t}); };
    const Tensor x = test::noise({1, 3, 4, 6}, 1);
    const Tensor y = unet(x, at(3));
    CHECK(y.shape() == Shape{1, 3, 4, 6});
    CHECK(test::close(unet(x, at(4)), y, 1e-6) != "");
    CHECK_THROWS_WITH(unet(test::noise({1, 3, 5, 6}, 1), at(3)), has_text("multiples of 2"));
    CHECK_THROWS_AS(unet(test::noise({1, 2, 4, 6}, 1), at(3)), Error);

    io::Json settings = stored.config();
    settings["attn_type"] = "memory-efficient-cross-attn";
    CHECK_THROWS_WITH(Unet::Config::from_json(settings), has_text("attn_type"));
    settings.erase("attn_type");
    settings["channels"] = 3;
    CHECK_THROWS_WITH(Unet::Config::from_json(settings), has_text("'channels'"));
}
