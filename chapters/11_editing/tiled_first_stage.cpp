#include "chapters/11_editing/tiled_first_stage.h"

#include "chapters/11_editing/strips.h"
#include "chapters/11_editing/whole_norm.h"
#include "common/ops/elementwise.h"

namespace ldm::editing {
namespace {

//! [measured]
/// A norm of layers(x), measured over all strips.
WholeNorm measured(const nn::GroupNorm& norm, const Strips& x, const LocalLayers& layers) {
    GroupMoments moments(norm.groups());
    for_each_strip(x, layers, [&](const Tensor& rows) { moments.add(rows); });
    return WholeNorm(norm, moments);
}
//! [measured]

//! [block]
/// block(upsample(x)), or block(x) without an upsample. Neither what Upsample makes nor what is
/// between the two convolutions is ever there whole.
Strips block_in_strips(Strips x, const vae::Upsample* upsample, const vae::ResnetBlock& block) {
    const int up = upsample ? 2 : 1;
    const auto input = [&](const Tensor& rows) { return upsample ? (*upsample)(rows) : rows; };
    const WholeNorm norm1 = measured(block.norm1(), x, {input, up});
    const auto first = [&](const Tensor& h) { return block.conv1()(norm1.then_silu(h)); };
    const WholeNorm norm2 =
        measured(block.norm2(), x, {[&](const Tensor& rows) { return first(input(rows)); }, up});
    const auto all = [&](const Tensor& rows) {
        const Tensor h = input(rows);
        return block.skip(h) + block.conv2()(norm2.then_silu(first(h)));
    };
    return mapped(std::move(x), {all, up});
}
//! [block]

Strips level_in_strips(Strips h, const vae::Upsample* upsample, const vae::Blocks& level) {
    const auto& attentions = level.attentions();
    for (std::size_t j = 0; j < level.blocks().size(); ++j) {
        h = block_in_strips(std::move(h), upsample, level.blocks()[j]);
        upsample = nullptr;
        // looks at all pixels; no Stable Diffusion has it here
        if (!attentions.empty()) h = Strips(attentions[j](h.joined()), h.pixels());
    }
    return h;
}

LocalLayers layer(const std::function<Tensor(const Tensor&)>& apply) { return {apply}; }

Tensor decoded(const vae::Decoder& decoder, const Tensor& z, std::int64_t pixels) {
    Strips h(decoder.middle()(decoder.conv_in()(z)), pixels);
    // of the level before, whose result is kept in its smaller size
    const vae::Upsample* upsample = nullptr;
    for (const vae::Decoder::Level& level : decoder.levels()) {
        h = level_in_strips(std::move(h), upsample, level.blocks);
        upsample = level.upsample ? &*level.upsample : nullptr;
    }
    if (decoder.gives_pre_end()) return h.joined();
    const WholeNorm norm =
        measured(decoder.norm_out(), h, layer([](const Tensor& rows) { return rows; }));
    const auto last = [&](const Tensor& rows) {
        const Tensor y = decoder.conv_out()(norm.then_silu(rows));
        return decoder.has_tanh_out() ? ops::tanh(y) : y;
    };
    return mapped(std::move(h), layer(last)).joined();
}

Tensor encoded(const vae::Encoder& encoder, const Tensor& x, std::int64_t pixels) {
    Strips h = mapped(Strips(x, pixels), layer(encoder.conv_in()));
    for (const vae::Encoder::Level& level : encoder.levels()) {
        h = level_in_strips(std::move(h), nullptr, level.blocks);
        if (level.downsample) h = mapped(std::move(h), {*level.downsample, 1, 2});
    }
    return encoder.conv_out()(encoder.norm_out().then_silu(encoder.middle()(h.joined())));
}

}  // namespace

Tensor decode_in_strips(const pipeline::FirstStageDecoder& first_stage, const Tensor& z,
                        std::int64_t pixels) {
    const vae::LatentDecoder& latent = first_stage.decoder();
    return decoded(latent.decoder(), latent.post_quant_conv()(first_stage.latent_of(z)), pixels);
}

Tensor encode_in_strips(const pipeline::FirstStageEncoder& first_stage, const Tensor& x,
                        const Tensor& noise, std::int64_t pixels) {
    const vae::LatentEncoder& latent = first_stage.encoder();
    return first_stage.sample(latent.quant_conv()(encoded(latent.encoder(), x, pixels)), noise);
}

}  // namespace ldm::editing
