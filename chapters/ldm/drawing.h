#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/image/image.h"

namespace ldm::program {

/// Pictures that are drawn at once.
struct Batch {
    pipeline::Txt2ImgRequest request;
    /// which of the pictures of its prompt each of them is, from 0
    std::vector<std::size_t> numbers;
};

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
    std::function<Result(const pipeline::LatentDiffusion& model, const Batch& batch,
                         const ddpm::Observer& observer)>
        draw;
    /// What the PNG of the picture of that number says beside the settings,
    /// ", Denoising strength: 0.75".
    std::function<std::string(const pipeline::ModelSpec& spec, std::size_t number)> parameters = {};
    /// Changes the request that the options make.
    std::function<void(pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec)> adjust =
        {};
    /// How large the pictures are; absent: as the request says.
    std::function<image::Extent(const pipeline::Txt2ImgRequest& request,
                                const pipeline::ModelSpec& spec)>
        extent = {};
    /// The shipped model that is taken where none is named.
    std::string default_model = "emoji";
    /// whether it encodes pictures
    bool encodes = false;
    /// Whether all pictures of a prompt begin with the same seed; else the seeds follow each other,
    /// so that the pictures differ.
    bool same_seed = false;
};

/// Every picture as to_uint8_image() makes it.
std::vector<image::Image> pictures_of(const pipeline::Txt2ImgResult& result);

}  // namespace ldm::program
