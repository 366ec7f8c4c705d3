#include "chapters/11_editing/variations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

/// Where column x of a channel [h, w] begins; its numbers are w apart.
struct Column {
    const float* first;
    std::int64_t height, width;
    float operator[](std::int64_t y) const { return first[y * width]; }
};

/// The cosine of the angle between two columns.
double cosine(const Column& a, const Column& b) {
    double dot = 0, aa = 0, bb = 0;
    for (std::int64_t y = 0; y < a.height; ++y) {
        dot += static_cast<double>(a[y]) * b[y];
        aa += static_cast<double>(a[y]) * a[y];
        bb += static_cast<double>(b[y]) * b[y];
    }
    return dot / std::sqrt(aa * bb);
}

/// slerp() of one picture, C channels of h x w.
void turn(const float* a, const float* b, float* to, const Shape& shape, double share) {
    const std::int64_t channels = shape[1], h = shape[2], w = shape[3];
    std::vector<double> cosines;
    double sum = 0;
    for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t x = 0; x < w; ++x) {
            const std::int64_t at = c * h * w + x;
            cosines.push_back(cosine({a + at, h, w}, {b + at, h, w}));
            sum += cosines.back();
        }
    const bool alike = sum / static_cast<double>(cosines.size()) > 0.9995;
    for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t x = 0; x < w; ++x) {
            const double angle = std::acos(std::clamp(cosines[c * w + x], -1.0, 1.0));
            const bool straight = alike || std::sin(angle) == 0;
            const double from =
                straight ? 1 - share : std::sin((1 - share) * angle) / std::sin(angle);
            const double towards = straight ? share : std::sin(share * angle) / std::sin(angle);
            for (std::int64_t y = 0; y < h; ++y) {
                const std::int64_t i = (c * h + y) * w + x;
                to[i] = static_cast<float>(from * a[i] + towards * b[i]);
            }
        }
}

}  // namespace

Tensor slerp(const Tensor& a, const Tensor& b, double share) {
    expect(a.shape() == b.shape() && a.rank() == 4, "slerp: two noises of one shape [N, C, h, w]");
    const Tensor from = ops::to(a, Device::cpu), towards = ops::to(b, Device::cpu);
    Tensor result(a.shape());
    const std::int64_t each = a.size() / a.dim(0);
    for (std::int64_t n = 0; n < a.dim(0); ++n)
        turn(from.data() + n * each, towards.data() + n * each, result.data() + n * each, a.shape(),
             share);
    return ops::to(result, a.device());
}

pipeline::Beginning variation(const pipeline::Txt2ImgRequest& request,
                              const pipeline::ModelSpec& spec, Device device,
                              const ddpm::Noise& noise,
                              const std::vector<std::uint64_t>& variation_seeds, double strength) {
    if (!(strength >= 0 && strength <= 1))
        throw Error(fmt::format("the variation's strength is {:g}, expected 0 to 1", strength));
    expect(variation_seeds.size() == request.seeds.size(),
           "a variation needs one seed for each picture");
    const Shape latents =
        spec.latent_shape(std::ssize(request.prompts), request.width, request.height);
    pipeline::Txt2ImgRequest other = request;
    other.seeds = variation_seeds;
    return {.noise = slerp(noise(latents), noise_of(other, device)(latents), strength)};
}

}  // namespace ldm::editing
