#pragma once

#include <span>
#include <string_view>

namespace ldm::pipeline {

struct UpstreamConfigText {
    /// of the file, without .yaml
    std::string_view name;
    std::string_view text;
};

/// The files of reference_data/configs that describe a LatentDiffusion.
[[nodiscard]] std::span<const UpstreamConfigText> upstream_config_texts();

}  // namespace ldm::pipeline
