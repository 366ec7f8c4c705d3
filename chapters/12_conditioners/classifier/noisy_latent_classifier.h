#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/model_spec.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "common/nn/model_source.h"

namespace ldm::conditioners {

/// A classifier of noisy latents, p(y | x_t) (ldm/models/diffusion/classifier.py:
/// NoisyLatentImageClassifier): half a UNet that has seen latents at every noise level. A folder
/// that `ldm train classifier` has written holds
///
///     "classifier_config"   EncoderUNetModel's arguments; out_channels is the number of classes
///     "class_names"         the classes in their order
///     "scale_factor", and the schedule's keys: of the diffusion model for whose latents it is
///
/// Weights model.…
class NoisyLatentClassifier {
public:
    /// Throws an Error that names what is missing, or says that the folder holds no classifier.
    explicit NoisyLatentClassifier(const std::filesystem::path& folder,
                                   Device device = Device::cpu);

    /// x [N, C, h, w] of unit variance, t [N] int32 or float32 -> logits [N, classes].
    [[nodiscard]] Tensor operator()(const Tensor& x, const Tensor& t) const {
        return (*network_)(x, t);
    }

    [[nodiscard]] const std::vector<std::string>& class_names() const { return class_names_; }

    /// Throws an Error if it was trained for other latents or another schedule.
    void expect_fitting(const pipeline::ModelSpec& spec) const;

private:
    nn::ModelSource source_;
    std::vector<std::string> class_names_;
    std::optional<EncoderUNetModel> network_;
};

/// The number of a class, which is given by its name or by its number. Throws an Error for one that
/// is not there, with the nearest names.
[[nodiscard]] int class_number(const std::string& name, const std::vector<std::string>& names,
                               int count);

}  // namespace ldm::conditioners
