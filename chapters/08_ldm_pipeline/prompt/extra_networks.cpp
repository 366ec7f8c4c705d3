#include "chapters/08_ldm_pipeline/prompt/extra_networks.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "chapters/08_ldm_pipeline/prompt/numbers.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/text/words.h"

namespace ldm::pipeline {
namespace {

constexpr double largest_weight = 1e6;

/// "<kind:arguments>"
struct Network {
    std::string_view all, kind, arguments;
};

/// The network in front of a text that begins with <.
std::optional<Network> network_at_front(std::string_view text) {
    const std::string_view kind = text::word_at_front(text.substr(1));
    const std::string_view rest = text.substr(1 + kind.size());
    if (kind.empty() || !rest.starts_with(':')) return {};
    const std::size_t end = rest.find('>');
    // something must stand there
    if (end == rest.npos || end == 1) return {};
    return Network{text.substr(0, 1 + kind.size() + end + 1), kind, rest.substr(1, end - 1)};
}

std::vector<std::string_view> split_at_colons(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t colon = 0; colon != text.npos;) {
        colon = text.find(':');
        parts.push_back(text.substr(0, colon));
        if (colon != text.npos) text.remove_prefix(colon + 1);
    }
    return parts;
}

float weight_of(std::string_view text, const Network& network) {
    const auto number = number_of(text::trim(text));
    if (!number || !(std::abs(*number) <= largest_weight))
        throw Error(
            fmt::format("\"{}\" in the prompt: a weight is a number up to {:g}, such as "
                        "<lora:name:0.8>",
                        text::printable(network.all), largest_weight));
    return static_cast<float>(*number);
}

/// Arguments by their place: name, text encoder, UNet; or by name, which counts more. Who gives one
/// weight means both.
LoraInPrompt lora_of(const Network& network) {
    LoraInPrompt lora;
    std::optional<float> text_encoder, unet, named_text_encoder, named_unet;
    int place = 0;
    for (const std::string_view argument : split_at_colons(network.arguments)) {
        if (argument.starts_with("te=")) {
            named_text_encoder = weight_of(argument.substr(3), network);
        } else if (argument.starts_with("unet=")) {
            named_unet = weight_of(argument.substr(5), network);
        } else {
            switch (place++) {
                case 0:
                    lora.name = argument;
                    break;
                case 1:
                    text_encoder = weight_of(argument, network);
                    break;
                case 2:
                    unet = weight_of(argument, network);
                    break;
                default:
                    throw Error(
                        fmt::format("\"{}\" in the prompt: a LoRA has a name and at most "
                                    "two weights, <lora:name:0.8:0.5>",
                                    text::printable(network.all)));
            }
        }
    }
    if (lora.name.empty())
        throw Error(fmt::format("\"{}\" in the prompt names no LoRA: <lora:name:0.8>",
                                text::printable(network.all)));
    lora.text_encoder = named_text_encoder.value_or(text_encoder.value_or(1.0f));
    lora.unet = named_unet.value_or(unet.value_or(lora.text_encoder));
    return lora;
}

void take(const Network& network, ExtraNetworks& found) {
    if (network.kind == "lora" || network.kind == "lyco")
        found.loras.push_back(lora_of(network));
    else if (network.kind == "hypernet")
        throw Error(fmt::format("\"{}\" in the prompt: hypernetworks cannot be used here",
                                text::printable(network.all)));
    else
        found.unknown.emplace_back(network.all);
}

}  // namespace

ExtraNetworks take_extra_networks(std::string_view prompt) {
    ExtraNetworks found;
    // without it nothing can be a network, and it need not be looked for again and again
    const std::size_t last_end = prompt.rfind('>');
    std::size_t done = 0;
    for (std::size_t at = prompt.find('<');
         at != prompt.npos && last_end != prompt.npos && at < last_end; at = prompt.find('<', at)) {
        const auto network = network_at_front(prompt.substr(at));
        if (!network) {
            ++at;
            continue;
        }
        found.text += prompt.substr(done, at - done);
        take(*network, found);
        at += network->all.size();
        done = at;
    }
    found.text += prompt.substr(done);
    return found;
}

}  // namespace ldm::pipeline
