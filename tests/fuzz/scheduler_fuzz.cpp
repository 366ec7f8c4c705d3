// Random JSON as a diffusers folder's scheduler_config.json: what can be read samples, and all else
// is an ldm::Error.

#include <algorithm>

#include "chapters/01_ddpm/verify_support.h"
#include "chapters/08_ldm_pipeline/scheduler_settings.h"
#include "chapters/10_samplers/scheduler.h"
#include "common/ops/elementwise.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;

namespace {

/// What would only cost time: a long schedule.
bool is_large(const io::Json& json) {
    if (json.is_number()) return json.get<double>() > 2000;
    if (!json.is_structured()) return false;
    return json.size() > 64 || std::ranges::any_of(json, is_large);
}

void sample(const pipeline::SchedulerSettings& settings, int steps) {
    const auto sampler = samplers::make_scheduler(settings, steps);
    int observed = 0;
    const Tensor x = Tensor::full({1, 1, 2, 2}, 0.5f);
    const Tensor end = sampler->sample([](const Tensor& x, const Tensor&) { return 0.25f * x; }, x,
                                       [](const Shape& shape) { return Tensor::full(shape, 1); },
                                       [&](const ddpm::SamplerStep&) { return ++observed > 0; });
    require(end.shape() == x.shape());
    require(observed == sampler->steps());
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    return fuzz::mutate_json(data, size, most, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    attempt([&] {
        const io::Json json = io::parse_json(fuzz::text_of(data, size), "scheduler_config.json");
        if (is_large(json)) return;
        const pipeline::SchedulerSettings settings(json);
        for (const int steps : {1, 2, 5}) attempt([&] { sample(settings, steps); });
    });
    return 0;
}
