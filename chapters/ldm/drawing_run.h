#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/ldm/drawing_options.h"

namespace ldm::program {

/// What a command draws, of which run() knows everything else: prompts, batches, files, progress.
struct Drawing {
    /// Throws an Error for what the model cannot do; no weight has been read.
    std::function<void(const pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec)>
        expect_possible;
    /// How many steps a batch takes; absent: as many as the sampler makes.
    std::function<int(const pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec)>
        steps = {};
    struct Result {
        pipeline::Txt2ImgResult drawn;
        std::vector<image::Image> pictures;
    };
    std::function<Result(const pipeline::LatentDiffusion& model,
                         const pipeline::Txt2ImgRequest& request, const ddpm::Observer& observer)>
        draw;
    /// What the PNG of one of all pictures says beside the settings, ", Denoising strength: 0.75".
    std::function<std::string(const pipeline::ModelSpec& spec, std::size_t picture)> parameters =
        {};
    /// Changes the request that the options make.
    std::function<void(pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec)> adjust =
        {};
    /// how the model's networks are to be used; `on_load` and `keep_networks` are run()'s
    pipeline::LatentDiffusion::Options model = {};
};

/// Every picture as to_uint8_image() makes it.
std::vector<image::Image> pictures_of(const pipeline::Txt2ImgResult& result);

/// Draws all the prompts, and writes the pictures. Everything that can be refused is refused before
/// the model is loaded.
void run(const DrawingOptions& options, const Drawing& drawing);

}  // namespace ldm::program
