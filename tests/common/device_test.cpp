#include "common/device/device.h"

#include "common/device/build.h"
#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm;
using ldm::test::has_text;

TEST_CASE("a device has a name and a description, or an Error says why it cannot be used") {
    CHECK(device_from(name_of(Device::cpu)) == Device::cpu);
    CHECK(device_from(name_of(Device::cuda)) == Device::cuda);
    CHECK_THROWS_WITH(device_from("tpu"), has_text("'tpu'"));
    CHECK_THAT(describe(Device::cpu), has_text("CPU") && has_text("threads"));
    if constexpr (!build::has_cuda) {
        const auto without_cuda = has_text("built without CUDA; build it with");
        CHECK_THROWS_WITH(expect_usable(Device::cuda), without_cuda);
        CHECK_THROWS_WITH(describe(Device::cuda), without_cuda);
    }
}
