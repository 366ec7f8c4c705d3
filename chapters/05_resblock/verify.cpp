#include "chapters/05_resblock/verify.h"

#include <functional>

#include "chapters/02_vae/resample.h"
#include "chapters/05_resblock/resample.h"
#include "chapters/05_resblock/resblock.h"

namespace ldm::resblock {
namespace {

using Module = std::function<Tensor(const Tensor&)>;

void run_resblock(verify::Run& run) {
    const ResBlock block(run.params(), ResBlock::Config::from_json(run.config()));
    run.out("out", block(run.in("x"), run.in("emb")));
}

/// The five classes of upstream that resample, each with the argument names that it has there.
Module resampler(const nn::Params& weights, const io::Json& part) {
    const auto kind = io::get<std::string>(part, "class");
    if (kind == "model.Upsample" || kind == "model.Downsample") {
        io::expect_only_keys(part, {"class", "in_channels", "with_conv"}, kind);
        const int channels = io::get<int>(part, "in_channels");
        const bool with_conv = io::get<bool>(part, "with_conv");
        if (kind == "model.Upsample") return vae::Upsample(weights, channels, with_conv);
        return vae::Downsample(weights, channels, with_conv);
    }
    if (kind == "openaimodel.TransposedUpsample") {
        io::expect_only_keys(part, {"class", "channels", "out_channels", "ks"}, kind);
        return TransposedUpsample(weights, io::get<int>(part, "channels"),
                                  io::get_or(part, "out_channels", 0), io::get_or(part, "ks", 5));
    }
    if (kind == "openaimodel.Upsample" || kind == "openaimodel.Downsample") {
        io::expect_only_keys(part, {"class", "channels", "use_conv", "out_channels", "dims"}, kind);
        expect(io::get_or(part, "dims", 2) == 2, kind + ": 'dims' can only be 2");
        const int channels = io::get<int>(part, "channels");
        const bool use_conv = io::get<bool>(part, "use_conv");
        const int out_channels = io::get_or(part, "out_channels", 0);
        if (kind == "openaimodel.Upsample")
            return Upsample(weights, channels, use_conv, out_channels);
        return Downsample(weights, channels, use_conv, out_channels);
    }
    throw Error("Resample: unsupported 'class' '" + kind + "'");
}

void run_resample(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "Resample");
    const auto parts = io::get<io::Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        const Module module = resampler(run.params() / name, part);
        run.out(name, module(run.in("x")));
        run.out(name + "_odd", module(run.in("x_odd")));
    }
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["ResBlock"] = verify::in_16_bits_too(run_resblock);
    registry["Resample"] = verify::in_16_bits_too(run_resample);
}

}  // namespace ldm::resblock
