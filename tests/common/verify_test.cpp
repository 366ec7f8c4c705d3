// `ldm verify` on cases made here: what passes, what fails, and what it says of a failure.

#include "common/verify/verify.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::has_text;
using verify::FileReport;

namespace {

/// A case of the component y = silu(w x), with its activation and its gradients.
struct StoredCase {
    std::map<std::string, std::pair<Shape, std::vector<float>>> tensors;
    std::map<std::string, std::string> metadata{
        {"format", "ldm-case v1"}, {"component", "Gate"},     {"situation", "by_hand"},
        {"config", "{}"},          {"source", "verify_test"}, {"note", "silu(w x)"},
    };
    double tol = 1e-5;

    StoredCase() {
        const std::vector<float> x = {1.0f, -2.0f, 0.5f}, w = {2.0f, 3.0f, -1.0f};
        std::vector<float> product, y, dx, dw;
        for (int i = 0; i < 3; ++i) {
            const double v = static_cast<double>(x[i]) * w[i], s = 1.0 / (1.0 + std::exp(-v));
            const double slope = s * (1.0 + v * (1.0 - s));
            product.push_back(static_cast<float>(v));
            y.push_back(static_cast<float>(v * s));
            dx.push_back(static_cast<float>(slope * w[i]));
            dw.push_back(static_cast<float>(slope * x[i]));
        }
        const Shape shape{3};
        tensors = {{"in/x", {shape, x}},
                   {"param/w", {shape, w}},
                   {"act/product", {shape, product}},
                   {"out/y", {shape, y}},
                   {"cotangent/y", {shape, {1, 1, 1}}},
                   {"grad/in/x", {shape, dx}},
                   {"grad/param/w", {shape, dw}}};
    }

    std::filesystem::path write(const std::filesystem::path& path) const {
        std::vector<io::TensorEntry> entries;
        io::Json tolerance;
        for (const auto& [name, tensor] : tensors) {
            entries.push_back(io::entry_of(name, tensor.first, tensor.second));
            if (!name.starts_with("in/") && !name.starts_with("param/") &&
                !name.starts_with("cotangent/"))
                tolerance[name] = {{"max_abs", 6.0}, {"noise", 1e-7}, {"tol", tol}};
        }
        auto all = metadata;
        all.emplace("tolerance", tolerance.dump());
        io::write_safetensors(path, entries, all);
        return path;
    }
};

/// The component, with a factor by which the implementation is wrong.
verify::Registry registry(float product_factor = 1.0f, float out_factor = 1.0f) {
    return {{"Gate", [=](verify::Run& run) {
                 const Tensor x = run.in("x"), w = run.params().get("w", x.shape());
                 const Tensor product = traced("product", x * w * product_factor);
                 run.out("y", ops::silu(product) * out_factor);
             }}};
}

std::string text_of(const FileReport& report) {
    std::ostringstream text;
    verify::print_text(text, report);
    return text.str();
}

}  // namespace

TEST_CASE("verify: a right component passes, activations and gradients included") {
    test::TemporaryFolder folder;
    const auto report =
        verify::verify_file(registry(), StoredCase().write(folder / "Gate.safetensors"));
    INFO(text_of(report));
    CHECK(report.status == FileReport::Status::passed);
    CHECK(report.comparisons.size() == 4);
    CHECK(report.first_diverging.empty());
    CHECK(verify::to_json(report).at("tensors").size() == 4);
}

TEST_CASE("verify: a wrong component fails, and the first tensor that differs is named") {
    test::TemporaryFolder folder;
    const auto file = StoredCase().write(folder / "Gate.safetensors");
    const auto early = verify::verify_file(registry(1.01f), file);
    CHECK(early.status == FileReport::Status::failed);
    CHECK(early.first_diverging == "act/product");
    const auto late = verify::verify_file(registry(1.0f, 1.01f), file);
    CHECK(late.status == FileReport::Status::failed);
    CHECK(late.comparisons.front().passed);
    CHECK(text_of(late).find("FAIL") != std::string::npos);
}

TEST_CASE("verify: what is not finite, missing or of another shape fails") {
    test::TemporaryFolder folder;
    const auto file = StoredCase().write(folder / "Gate.safetensors");
    const auto reason_of_y = [&](std::function<void(verify::Run&)> run) {
        const auto report = verify::verify_file({{"Gate", run}}, file);
        CHECK(report.status == FileReport::Status::failed);
        for (const auto& comparison : report.comparisons)
            if (comparison.name == "out/y") return comparison.reason;
        return std::string("not compared: " + report.reason);
    };
    CHECK(reason_of_y([](verify::Run& run) {
              static_cast<void>(run.params().get("w", {3}));
              run.out("y", Tensor::full({3}, std::numeric_limits<float>::quiet_NaN()));
          }) == "not finite");
    CHECK(reason_of_y([](verify::Run& run) { static_cast<void>(run.params().get("w", {3})); }) ==
          "missing");
    CHECK(reason_of_y([](verify::Run& run) {
              static_cast<void>(run.params().get("w", {3}));
              run.out("y", Tensor::zeros({1, 3}));
          }) == "shape [1, 3], wanted [3]");
}

TEST_CASE("verify: what a file says never commands the terminal") {
    test::TemporaryFolder folder;
    StoredCase stored;
    stored.metadata["component"] = "\x1B[2J" + std::string(1'000'000, 'x');
    const auto report = verify::verify_file(registry(), stored.write(folder / "x.safetensors"));
    const std::string text = text_of(report);
    CHECK(text.find('\x1B') == std::string::npos);
    CHECK(text.size() < 100'000);
    CHECK_THAT(report.reason, has_text("unknown component '\\x1B[2Jxxx"));
}

TEST_CASE("verify: a component that asks for other weights or settings fails with its sentence") {
    test::TemporaryFolder folder;
    const auto file = StoredCase().write(folder / "Gate.safetensors");
    const auto report_of = [&](std::function<void(verify::Run&)> run) {
        return verify::verify_file({{"Gate", run}}, file);
    };
    const auto other =
        report_of([](verify::Run& run) { static_cast<void>(run.params().get("v", {3})); });
    CHECK(other.status == FileReport::Status::failed);
    CHECK_THAT(other.reason, has_text("'v'"));
    const auto thrown = report_of([](verify::Run&) { throw Error("no config key 'depth'"); });
    CHECK(thrown.status == FileReport::Status::failed);
    CHECK_THAT(thrown.reason, has_text("depth"));
    const auto unknown = verify::verify_file({}, file);
    CHECK(unknown.status == FileReport::Status::failed);
    CHECK_THAT(unknown.reason, has_text("unknown component 'Gate'"));
}

TEST_CASE("verify: a file that breaks the format is an error, not a failure of the component") {
    test::TemporaryFolder folder;
    const auto status_of = [&](const StoredCase& broken) {
        const auto report = verify::verify_file(registry(), broken.write(folder / "x.safetensors"));
        INFO(report.reason);
        CHECK_FALSE(report.reason.empty());
        return report.status;
    };
    StoredCase no_format, other_format, no_tolerance, infinite, unused, no_such_input;
    no_format.metadata.erase("format");
    other_format.metadata["format"] = "ldm-case v9";
    no_tolerance.metadata["tolerance"] = "{}";
    infinite.tensors["out/y"].second[1] = std::numeric_limits<float>::infinity();
    unused.tensors["param/never_asked_for"] = {{1}, {1.0f}};
    no_such_input.tensors["grad/in/z"] = {{1}, {1.0f}};
    for (const StoredCase& broken :
         {no_format, other_format, no_tolerance, infinite, unused, no_such_input})
        CHECK(status_of(broken) == FileReport::Status::error);
    const auto absent = verify::verify_file(registry(), folder / "absent.safetensors");
    CHECK(absent.status == FileReport::Status::error);
}

TEST_CASE("verify: the tolerance is a border, and the error is told in multiples of the noise") {
    const verify::Values expected{{2}, {1.0, 2.0}};
    const auto off_by = [&](double error) {
        const verify::Values got{{2}, {1.0, 2.0 + error}};
        return verify::compare("out/y", expected, &got, {.tol = 0.25, .noise = 0.125});
    };
    CHECK(off_by(0.25).passed);
    CHECK_FALSE(off_by(0.2501).passed);
    CHECK(off_by(-0.25).ratio() == 2.0);
    CHECK_FALSE(verify::compare("out/y", expected, nullptr, {.tol = 1.0, .noise = {}}).passed);
}

TEST_CASE("verify: in 16 bits errors are shares of the tensor's size") {
    const verify::Values expected{{2}, {1000.0, -1000.0}};
    const auto off_by = [&](double error, DType dtype) {
        const verify::Values got{{2}, {1000.0 + error, -1000.0}};
        return verify::compare_in_16_bits("out/y", expected, &got, dtype).passed;
    };
    const double f16 = 1000 * verify::bound_in_16_bits(DType::f16),
                 bf16 = 1000 * verify::bound_in_16_bits(DType::bf16);
    CHECK(f16 < bf16);
    CHECK(off_by(0.9 * f16, DType::f16));
    CHECK_FALSE(off_by(2.1 * f16, DType::f16));
    CHECK(off_by(0.9 * bf16, DType::bf16));
    CHECK_FALSE(off_by(std::nan(""), DType::bf16));
}

TEST_CASE("verify: the probe of a gradient is its sum, its norm, a dot product and samples") {
    const Tensor gradient = test::noise({5, 7}, 3);
    const verify::Values probe = verify::gradient_probe("conv.weight", gradient);
    REQUIRE(probe.numbers.size() == 19);
    double sum = 0.0, squares = 0.0;
    for (const float g : gradient.values()) {
        sum += g;
        squares += static_cast<double>(g) * g;
    }
    CHECK(probe.numbers[0] == Approx(sum));
    CHECK(probe.numbers[1] == Approx(std::sqrt(squares)));
    for (int i = 3; i < 19; ++i)
        CHECK(std::ranges::find(gradient.values(), static_cast<float>(probe.numbers[i])) !=
              gradient.values().end());
    CHECK(verify::gradient_probe("other.weight", gradient).numbers[2] != probe.numbers[2]);
}
