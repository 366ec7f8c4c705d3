#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::pipeline {

/// <lora:name:0.8> of a prompt.
struct LoraInPrompt {
    std::string name;
    /// how much of its change the text encoder gets, and how much the UNet
    float text_encoder = 1.0f, unet = 1.0f;

    bool operator==(const LoraInPrompt&) const = default;
};

/// A prompt without the networks that it names.
struct ExtraNetworks {
    std::string text;
    std::vector<LoraInPrompt> loras = {};
    /// what else stood there like a network, and is left out: "<scene:x>"
    std::vector<std::string> unknown = {};
};

/// Takes what AUTOMATIC1111's web UI calls extra networks out of a prompt: <lora:name>,
/// <lora:name:0.8>, <lora:name:0.8:0.5> (text encoder, UNet), also with te=0.8 and unet=0.5, and
/// with lyco for lora. Throws an Error for <hypernet:…>, for a weight that is no number or beyond
/// +-1,000,000, and for other arguments. Upstream: modules/extra_networks.py, and
/// extensions-builtin/Lora/extra_networks_lora.py.
[[nodiscard]] ExtraNetworks take_extra_networks(std::string_view prompt);

}  // namespace ldm::pipeline
