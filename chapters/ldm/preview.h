#pragma once

#include <filesystem>
#include <memory>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"

namespace ldm::program {

/// A picture file that shows during sampling what is being drawn: the predicted x0 of a batch's
/// first picture.
class Preview {
public:
    struct Options {
        /// empty: no preview
        std::filesystem::path path;
        /// after every so many steps
        int interval = 1;
        /// decodes it, in place of the model's decoder
        std::shared_ptr<const pipeline::TinyDecoder> tiny_decoder = {};
    };
    explicit Preview(Options options) : options_(std::move(options)) {}

    /// After a step of sampling: writes the file anew, if it is time to. Throws an Error if it
    /// cannot be written.
    void show(const pipeline::LatentDiffusion& model, const ddpm::SamplerStep& step) const;

private:
    Options options_;
};

}  // namespace ldm::program
