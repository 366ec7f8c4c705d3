#include "chapters/11_editing/decoding_memory.h"

#include <fmt/format.h>

#include <ctime>

#include "chapters/08_ldm_pipeline/bench.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/11_editing/tiled_first_stage.h"
#include "common/device/memory.h"

namespace ldm::editing {
DecodingCost decoding_cost(int size, bool in_strips) {
    constexpr int f = 8, largest = 8192;
    if (size < f || size > largest || size % f != 0)
        throw Error(fmt::format("A picture of {} pixels; choose a multiple of {} up to {}", size, f,
                                largest));
    const io::Json settings = pipeline::sd1_settings();
    nn::Checkpoint checkpoint;
    checkpoint.add_fallback(pipeline::recipe_weights);
    checkpoint.freeze();
    const pipeline::FirstStageDecoder decoder(
        checkpoint.root(), pipeline::FirstStageConfig::from_json(settings.at("first_stage_config")),
        settings.at("scale_factor"));
    const Tensor z = pipeline::recipe_numbers("z", {1, 4, size / f, size / f}, 0.0, 1.0);

    forget_memory_peak();
    const std::clock_t start = std::clock();
    const Tensor picture = in_strips ? decode_in_strips(decoder, z) : decoder(z);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    return {in_strips ? "in strips" : "at once", size, seconds,
            static_cast<double>(memory_use().peak) / 1e9};
}

}  // namespace ldm::editing
