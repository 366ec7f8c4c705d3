// img2img, inpainting, variations and hires with the shipped model, and what UNets of further
// channels are given.

#include <cmath>
#include <numbers>

#include "chapters/11_editing/further_channels.h"
#include "chapters/11_editing/hires.h"
#include "chapters/11_editing/img2img.h"
#include "chapters/11_editing/inpaint.h"
#include "chapters/11_editing/variations.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::editing;
using test::close;
using test::has_text;

namespace {

const pipeline::LatentDiffusion& model() {
    static const pipeline::LatentDiffusion shipped(
        pipeline::open_model(LDM_SOURCE_DIR "/reference_data/models/emoji"), {.encodes = true});
    return shipped;
}

pipeline::Txt2ImgRequest drawing(const std::string& prompt = "grinning cat", int steps = 10) {
    pipeline::Txt2ImgRequest request = pipeline::preferred_request(model().spec());
    request.prompts = {prompt};
    request.seeds = {3};
    request.steps = steps;
    return request;
}

/// A picture that the model knows.
image::Image cat() {
    static const image::Image picture =
        pipeline::to_uint8_image(txt2img(model(), drawing()).pictures, 0);
    return picture;
}

double distance(const image::Image& a, const image::Image& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
    return sum / static_cast<double>(a.rgb.size());
}

/// 1 in the right half.
Tensor right_half(int width, int height) {
    Tensor mask = Tensor::zeros({1, 1, height, width});
    for (int y = 0; y < height; ++y)
        for (int x = width / 2; x < width; ++x) mask.data()[y * width + x] = 1;
    return mask;
}

template <class Call>
std::string refusal(const Call& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "none";
}

}  // namespace

TEST_CASE("a strength leaves as many steps as diffusers counts", "[img2img]") {
    CHECK(first_step(50, 0.8) == 10);
    CHECK(first_step(20, 0.75) == 5);
    // int(7 * 0.5) = 3 steps are made
    CHECK(first_step(7, 0.5) == 4);
    CHECK(first_step(10, 0.3) == 7);
    CHECK(first_step(4, 1.0) == 0);
    CHECK_THAT(refusal([] { (void)first_step(4, 0.2); }), has_text("raise the strength"));
    for (const double strength : {0.0, -1.0, 1.01, std::nan("")})
        CHECK_THAT(refusal([=] { (void)first_step(4, strength); }), has_text("at most 1"));
}

TEST_CASE("img2img changes little with little strength and much with much", "[img2img]") {
    std::vector<double> distances;
    for (const double strength : {0.1, 0.5, 1.0}) {
        int steps = 0;
        const auto result = img2img(
            model(), {.drawing = drawing("red apple"), .picture = cat(), .strength = strength},
            [&](const ddpm::SamplerStep&) { return ++steps > 0; });
        CHECK(steps == 10 - first_step(10, strength));
        distances.push_back(distance(pipeline::to_uint8_image(result.pictures, 0), cat()));
    }
    CHECK(distances[0] < 6);
    CHECK(distances[0] < distances[1]);
    CHECK(distances[1] < distances[2]);
}

TEST_CASE("img2img begins with the picture's latent and the noise of its first step", "[img2img]") {
    pipeline::Txt2ImgRequest request = drawing("red apple");
    request.keep_steps = true;
    const auto result = img2img(model(), {.drawing = request, .picture = cat(), .strength = 0.4});
    CHECK(result.steps.size() == 4);

    // the same by hand: the encoder's noise comes first, then that of the beginning
    const ddpm::Noise noise = noise_of(request, Device::cpu);
    const Shape latents = model().spec().latent_shape(1, request.width, request.height);
    const Tensor z0 = model().encode(fitted(cat(), request.width, request.height), noise(latents));
    const Tensor first = noise(latents);
    CHECK(close(result.noise, first, 0.0) == "");
    const auto by_hand = draw(model(), request, noise, {.z0 = z0, .first_step = 6, .noise = first});
    CHECK(close(by_hand.pictures, result.pictures, 1e-6) == "");
}

TEST_CASE("a picture of another shape is cut and scaled, not squeezed", "[img2img]") {
    image::Image wide(300, 100);
    for (int y = 0; y < 100; ++y)
        for (int x = 0; x < 300; ++x)
            wide.set(x, y,
                     x < 100   ? image::Color{255, 0, 0}
                     : x < 200 ? image::Color{0, 255, 0}
                               : image::Color{0, 0, 255});
    const Tensor middle = fitted(wide, 64, 64);
    CHECK(middle.shape() == Shape{1, 3, 64, 64});
    // only the green third is left
    for (int i = 0; i < 64 * 64; ++i) REQUIRE(middle.data()[64 * 64 + i] > 0.99f);
    const image::Extent size = usual_size(wide, model().spec());
    CHECK(size == image::Extent{192, 64});
}

TEST_CASE("what is not masked stays as it was, to the bit", "[inpaint]") {
    for (const bool only_masked : {false, true}) {
        INFO(only_masked);
        const InpaintRequest request{.drawing = drawing("red apple"),
                                     .picture = cat(),
                                     .mask = right_half(64, 64),
                                     .mask_blur = 0,
                                     .only_masked = only_masked,
                                     .padding = 4};
        const auto result = inpaint(model(), request);
        REQUIRE(result.pictures.size() == 1);
        double changed = 0;
        for (int y = 0; y < 64; ++y)
            for (int x = 0; x < 64; ++x)
                for (int c = 0; c < 3; ++c) {
                    const int i = (y * 64 + x) * 3 + c;
                    const int difference = std::abs(result.pictures[0].rgb[i] - cat().rgb[i]);
                    if (x < 32) REQUIRE(difference == 0);
                    changed += difference;
                }
        CHECK(changed > 64 * 32 * 3);
    }
}

TEST_CASE("known latents are known in every step", "[inpaint]") {
    pipeline::Txt2ImgRequest request = drawing("red apple");
    request.keep_steps = true;
    const auto result =
        inpaint(model(), {.drawing = request, .picture = cat(), .mask = right_half(64, 64)});
    const ddpm::Noise noise = noise_of(request, Device::cpu);
    const Shape latents = model().spec().latent_shape(1, 64, 64);
    const Tensor z0 = model().encode(image::to_tensor(cat()), noise(latents));
    // the last step begins with the known latents, so what it predicts for them is near them
    const Tensor x0 = result.drawn.steps.back().pred_x0;
    const std::int64_t h = latents[2], w = latents[3];
    double error = 0, size = 0;
    for (std::int64_t c = 0; c < latents[1]; ++c)
        for (std::int64_t y = 0; y < h; ++y)
            for (std::int64_t x = 0; x < w / 2 - 1; ++x) {
                const std::int64_t i = (c * h + y) * w + x;
                error += std::pow(x0.data()[i] - z0.data()[i], 2);
                size += std::pow(z0.data()[i], 2);
            }
    CHECK(std::sqrt(error / size) < 0.1);
}

TEST_CASE("what cannot be edited is refused in a sentence", "[inpaint]") {
    const auto inpaint_refused = [](const InpaintRequest& request) {
        return refusal([&] { expect_possible(request, model().spec()); });
    };
    InpaintRequest request{.drawing = drawing(), .picture = cat(), .mask = right_half(64, 64)};
    CHECK(inpaint_refused(request) == "none");
    request.mask = right_half(32, 64);
    CHECK_THAT(inpaint_refused(request), has_text("size") || has_text("64"));
    request.mask = Tensor::zeros({1, 1, 64, 64});
    CHECK_THAT(inpaint_refused(request), has_text("mask"));
    request.mask = right_half(64, 64);
    request.strength = 0.01;
    CHECK_THAT(inpaint_refused(request), has_text("raise the strength"));
    CHECK_THAT(refusal([&] {
                   expect_possible(HiresRequest{.drawing = drawing(), .scale = 9}, model().spec());
               }),
               has_text("1 to 8"));
}

TEST_CASE("further channels stand beside each latent", "[channels]") {
    const Tensor channels = test::noise({1, 3, 2, 2}, 1), x = test::noise({4, 2, 2, 2}, 2);
    const pipeline::ConditionedModel unet = [&](const Tensor& given_x, const Tensor&,
                                                const unet::Conditioning& given) {
        REQUIRE(given.concat.size() == 1);
        CHECK(close(given.concat[0], ops::concat({channels, channels, channels, channels}, 0),
                    0.0) == "");
        return given_x;
    };
    const Tensor t = Tensor::full({4}, 1);
    CHECK(close(with_channels(unet, channels)(x, t, {}), x, 0.0) == "");
}

TEST_CASE("guidance by a picture is the formula of InstructPix2Pix", "[channels]") {
    const Tensor picture = test::noise({1, 2, 3, 3}, 1), x = test::noise({2, 2, 3, 3}, 2);
    // a network of which every part of its input can be told from its output
    const pipeline::ConditionedModel unet = [](const Tensor& x, const Tensor&,
                                               const unet::Conditioning& given) {
        const Tensor word = ops::slice(given.crossattn[0], 2, 0, 1).reshape({x.dim(0), 1, 1, 1});
        return 0.5f * x + 2.0f * given.concat[0] * (word + 1.0f) + 3.0f * word;
    };
    const Tensor t = Tensor::full({2}, 7);
    const auto word = [](float value) { return Tensor::full({2, 1, 1}, value); };
    const float uncond = 0.25f, cond = -1.5f, s_text = 7.5f, s_image = 1.5f;
    const auto e = [&](float with_picture, float value) {
        const Tensor p = with_picture * ops::concat({picture, picture}, 0);
        return unet(x, t, {.concat = {p}, .crossattn = {word(value)}});
    };
    const Tensor expected = e(0, uncond) + s_image * (e(1, uncond) - e(0, uncond)) +
                            s_text * (e(1, cond) - e(1, uncond));
    const pipeline::ConditionedModel guided =
        guided_by_picture(picture, s_image)(with_channels(unet, picture), {Tensor()}, s_text);
    const Tensor got =
        guided(x, t, {.concat = {}, .crossattn = {ops::concat({word(uncond), word(cond)}, 0)}});
    CHECK(close(got, expected, 1e-5) == "");
}

TEST_CASE("slerp turns noise without making it weaker", "[variations]") {
    const Tensor a = test::noise({2, 3, 16, 5}, 1), b = test::noise({2, 3, 16, 5}, 2);
    CHECK(close(slerp(a, b, 0), a, 1e-6) == "");
    CHECK(close(slerp(a, b, 1), b, 1e-6) == "");
    CHECK(close(slerp(a, a, 0.3), a, 1e-6) == "");
    const auto deviation = [](const Tensor& x) {
        double sum = 0;
        for (const float value : x.values()) sum += static_cast<double>(value) * value;
        return std::sqrt(sum / static_cast<double>(x.size()));
    };
    // the middle of a straight line has a deviation of sqrt(1/2)
    CHECK(deviation(slerp(a, b, 0.5)) == Approx(1).margin(0.1));
    CHECK(deviation(0.5f * (a + b)) == Approx(std::numbers::sqrt2 / 2).margin(0.1));

    // one column by hand: at right angles, a third of the way is 30 degrees
    const Tensor up = Tensor::from({1, 1, 2, 1}, {1, 0}),
                 right = Tensor::from({1, 1, 2, 1}, {0, 1});
    CHECK(close(slerp(up, right, 1.0 / 3), Tensor::from({1, 1, 2, 1}, {std::sqrt(3.0f) / 2, 0.5f}),
                1e-6) == "");
}

TEST_CASE("a variation of strength 0 is the picture and of 1 the other seed's", "[variations]") {
    const pipeline::Txt2ImgRequest request = drawing("grinning cat", 3);
    pipeline::Txt2ImgRequest other = request;
    other.seeds = {9};
    const auto varied = [&](double strength) {
        const ddpm::Noise noise = noise_of(request, Device::cpu);
        return draw(model(), request, noise,
                    variation(request, model().spec(), Device::cpu, noise, {9}, strength))
            .pictures;
    };
    CHECK(close(varied(0), txt2img(model(), request).pictures, 1e-4) == "");
    CHECK(close(varied(1), txt2img(model(), other).pictures, 1e-4) == "");
    CHECK_THROWS_AS(varied(1.1), Error);
}

TEST_CASE("hires draws twice and ends at the larger size", "[hires]") {
    int steps = 0;
    const HiresRequest request{
        .drawing = drawing("grinning cat", 4), .scale = 1.9, .strength = 0.5, .steps = 6};
    CHECK(enlarged(request, model().spec()).width % model().spec().size_step() == 0);
    const auto result =
        hires(model(), request, [&](const ddpm::SamplerStep&) { return ++steps > 0; });
    CHECK(steps == 4 + 3);
    CHECK(result.pictures.dim(3) == enlarged(request, model().spec()).width);
}
