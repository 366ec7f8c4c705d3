#include "chapters/07_unet/layout.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::unet {
namespace {

Part attend_with(const Config& config, int channels, Side side) {
    return {config.use_spatial_transformer ? Part::Kind::transformer : Part::Kind::attention,
            channels, channels, heads_for(config, channels, side)};
}

}  // namespace

//! [layout]
Layout layout(const Config& config) {
    using enum Part::Kind;
    Layout u;
    // the widths that wait on the stack
    std::vector<int> skips;
    int now = config.model_channels;

    const auto add_input = [&](int level, std::vector<Part> parts) {
        now = parts.back().out;
        skips.push_back(now);
        u.input.push_back(
            {fmt::format("input_blocks.{}", u.input.size()), level, 0, std::move(parts)});
    };

    add_input(0, {{conv, config.in_channels, now}});
    for (int level = 0; level < config.levels(); ++level) {
        const int width = config.width(level);
        const bool attend = config.attends(1 << level);
        for (int i = 0; i < config.num_res_blocks; ++i) {
            std::vector<Part> parts{{resblock, now, width}};
            if (attend) parts.push_back(attend_with(config, width, Side::down));
            add_input(level, parts);
        }
        if (level + 1 < config.levels()) add_input(level, {{down, width, width}});
    }

    // whatever the settings say
    const Part gather = attend_with(config, now, Side::middle);
    u.middle = {"middle_block", config.levels() - 1, 0};
    u.middle.parts = {{resblock, now, now}, gather, {resblock, now, now}};

    for (int level = config.levels() - 1; level >= 0; --level) {
        const int width = config.width(level);
        const bool attend = config.attends(1 << level);
        for (int i = 0; i <= config.num_res_blocks; ++i) {
            const int skip = skips.back();
            skips.pop_back();
            std::vector<Part> parts{{resblock, now + skip, width}};
            if (attend) parts.push_back(attend_with(config, width, Side::up));
            if (level > 0 && i == config.num_res_blocks) parts.push_back({up, width, width});
            u.output.push_back(
                {fmt::format("output_blocks.{}", u.output.size()), level, skip, std::move(parts)});
            now = width;
        }
    }
    return u;
}
//! [layout]

std::string describe(const Part& part) {
    switch (part.kind) {
        case Part::Kind::conv:
            return fmt::format("Conv2d {} -> {}", part.in, part.out);
        case Part::Kind::resblock:
            return fmt::format("ResBlock {} -> {}", part.in, part.out);
        case Part::Kind::attention:
            return fmt::format("AttentionBlock {} x {}", part.heads.count, part.heads.width);
        case Part::Kind::transformer:
            return fmt::format("SpatialTransformer {} x {}", part.heads.count, part.heads.width);
        case Part::Kind::down:
            return "Downsample";
        case Part::Kind::up:
            return "Upsample";
    }
    fail("unknown kind of part");
}

}  // namespace ldm::unet
