#include "common/autograd/trace.h"

#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("trace: without one in scope nothing is recorded, and the tensor passes through") {
    CHECK_FALSE(Trace::in_scope());
    CHECK_FALSE(tracing("conv_in"));
    const Tensor y = test::noise({2}, 1);
    CHECK(traced("conv_in", y).id() == y.id());
}

TEST_CASE("trace: every module in the order in which it was computed") {
    Trace trace;
    CHECK(Trace::in_scope());
    const Tensor first = traced("norm", test::noise({3}, 1)), second = traced("conv", first);
    REQUIRE(trace.steps().size() == 2);
    CHECK(trace.steps()[0].name == "norm");
    CHECK(trace.steps()[1].name == "conv");
    CHECK(trace.find("norm").id() == first.id());
    CHECK_FALSE(trace.find("attn"));
}

TEST_CASE("trace: a module that runs twice is found by its last run") {
    Trace trace;
    static_cast<void>(traced("norm", test::noise({3}, 1)));
    const Tensor last = traced("norm", test::noise({3}, 2));
    CHECK(trace.steps().size() == 2);
    CHECK(trace.find("norm").id() == last.id());
}

TEST_CASE("trace: only the modules that were asked for") {
    Trace trace({"conv"});
    CHECK(tracing("conv"));
    CHECK_FALSE(tracing("norm"));
    static_cast<void>(traced("norm", test::noise({3}, 1)));
    static_cast<void>(traced("conv", test::noise({3}, 2)));
    REQUIRE(trace.steps().size() == 1);
    CHECK(trace.steps()[0].name == "conv");
}

TEST_CASE("trace: the inner one records while it lives") {
    Trace outer;
    {
        Trace inner;
        static_cast<void>(traced("conv", test::noise({3}, 1)));
        CHECK(inner.steps().size() == 1);
    }
    CHECK(outer.steps().empty());
    static_cast<void>(traced("norm", test::noise({3}, 2)));
    CHECK(outer.steps().size() == 1);
}
