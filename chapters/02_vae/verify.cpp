#include "chapters/02_vae/verify.h"

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/dirac.h"
#include "chapters/02_vae/helpers/verify_helpers.h"
#include "chapters/02_vae/identity_first_stage.h"
#include "chapters/02_vae/verify_quantizer.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::vae {
namespace {

struct FirstStage {
    Config config;
    int embed_dim;
};

FirstStage read_first_stage(const verify::Run& run, const char* component,
                            const std::vector<std::string>& keys = {"embed_dim", "ddconfig"}) {
    io::expect_only_keys(run.config(), keys, component);
    return {Config::from_json(io::get<io::Json>(run.config(), "ddconfig")),
            io::get<int>(run.config(), "embed_dim")};
}

void run_autoencoder(verify::Run& run) {
    const auto [config, embed_dim] = read_first_stage(run, "AutoencoderKL");
    const AutoencoderKL autoencoder(run.params(), config, embed_dim);
    const DiagonalGaussian posterior = autoencoder.encode(run.in("x"));
    const Tensor z = posterior.sample(run.in("noise"));
    run.out("moments", posterior.moments());
    run.out("mean", posterior.mean());
    run.out("logvar", posterior.logvar());
    run.out("z", z);
    run.out("kl", posterior.kl());
    run.out("dec", autoencoder.decode(z));
    if (run.wants("dec_mode")) run.out("dec_mode", autoencoder.decode(posterior.mode()));
}

/// Every stride-th pixel of every stride-th row; both sizes are multiples of it.
Tensor every(int stride, const Tensor& x) {
    const auto [n, channels, height, width] = x.dims<4>();
    const Tensor squares =
        x.reshape({n, channels, height / stride, stride, width / stride, stride});
    return ops::slice(ops::slice(squares, 3, 0, 1), 5, 0, 1)
        .reshape({n, channels, height / stride, width / stride});
}

/// The half that draws, alone: not a class of upstream, but what fits a full-size check. Of a large
/// picture the case stores a part.
void run_decoder(verify::Run& run) {
    const auto [config, embed_dim] =
        read_first_stage(run, "Decoder", {"embed_dim", "ddconfig", "stride"});
    const Tensor picture = LatentDecoder(run.params(), config, embed_dim)(run.in("z"));
    run.out("dec", every(io::get_or(run.config(), "stride", 1), picture));
}

Tensor run_part(const verify::Run& run, const nn::Params& weights, const io::Json& part) {
    const Tensor x = run.in(io::get_or(part, "input", "x"));
    const int in_channels = io::get<int>(part, "in_channels");
    const auto kind = io::get_or(part, "class", "ResnetBlock");
    if (kind == "AttnBlock") {
        io::expect_only_keys(part, {"class", "input", "in_channels"}, kind);
        return AttnBlock(weights, in_channels)(x);
    }
    expect(kind == "ResnetBlock", "ResnetBlock: unsupported 'class' '" + kind + "'");
    io::expect_only_keys(part,
                         {"class", "input", "temb", "in_channels", "out_channels", "dropout",
                          "temb_channels", "conv_shortcut"},
                         kind);
    const ResnetBlock block(weights, {.in_channels = in_channels,
                                      .out_channels = io::get_or(part, "out_channels", 0),
                                      .temb_channels = io::get_or(part, "temb_channels", 0),
                                      .conv_shortcut = io::get_or(part, "conv_shortcut", false)});
    const auto temb = io::get_or(part, "temb", "");
    return temb.empty() ? block(x) : block(x, run.in(temb));
}

void run_resnet_blocks(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "ResnetBlock");
    const auto parts = io::get<io::Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items())
        run.out(name, run_part(run, run.params() / name, part));
}

template <typename Block>
void run_attention_block(verify::Run& run) {
    io::expect_only_keys(run.config(), {"in_channels"}, "attention block");
    const Block block(run.params(), io::get<int>(run.config(), "in_channels"));
    run.out("out", block(run.in("x")));
}

void compare_gaussians(verify::Run& run, const std::string& prefix, const DiagonalGaussian& p,
                       const DiagonalGaussian& q) {
    const Tensor noise = run.in("noise");
    const Tensor zero = ops::zeros_like(ops::sum(noise));
    run.out(prefix + "mean", p.mean());
    run.out(prefix + "logvar", p.logvar());
    run.out(prefix + "std", p.std());
    run.out(prefix + "var", p.var());
    run.out(prefix + "sample", p.sample(noise));
    run.out(prefix + "kl", p.kl());
    run.out(prefix + "kl_other", p.kl(q));
    run.out(prefix + "nll", p.nll(noise));
    run.out(prefix + "normal_kl", normal_kl(p.mean(), p.logvar(), q.mean(), q.logvar()));
    run.out(prefix + "normal_kl_std", normal_kl(p.mean(), p.logvar(), zero, zero));
}

void run_gaussian(verify::Run& run) {
    io::expect_only_keys(run.config(), std::initializer_list<std::string_view>{},
                         "DiagonalGaussianDistribution");
    const Tensor moments = run.in("moments");
    const DiagonalGaussian first(moments), second(run.in("moments2")), third(run.in("moments3"));
    compare_gaussians(run, "", first, second);
    compare_gaussians(run, "b.", second, third);
    run.out("det_std", DiagonalGaussian(moments, /*deterministic=*/true).std());
}

void run_dirac(verify::Run& run) {
    io::expect_only_keys(run.config(), std::initializer_list<std::string_view>{},
                         "DiracDistribution");
    const DiracDistribution posterior(run.in("value"));
    run.out("sample", posterior.sample(run.in("noise")));
    run.out("mode", posterior.mode());
}

void run_identity(verify::Run& run) {
    io::expect_only_keys(run.config(), {"vq_interface"}, "IdentityFirstStage");
    const IdentityFirstStage first_stage;
    run.out("encode", first_stage.encode(run.in("x")));
    run.out("decode", first_stage.decode(run.in("x")));
    run.out("quantize", first_stage.quantize(run.in("x")).z_q);
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["AutoencoderKL"] = verify::in_16_bits_too(run_autoencoder, {"kl"});
    registry["Decoder"] = verify::in_16_bits_too(run_decoder);
    registry["ResnetBlock"] = verify::in_16_bits_too(run_resnet_blocks);
    registry["AttnBlock"] = verify::in_16_bits_too(run_attention_block<AttnBlock>);
    registry["LinAttnBlock"] = verify::in_16_bits_too(run_attention_block<LinAttnBlock>);
    registry["DiagonalGaussianDistribution"] = run_gaussian;
    registry["DiracDistribution"] = run_dirac;
    registry["IdentityFirstStage"] = run_identity;
    register_quantizers(registry);
    register_helpers(registry);
}

}  // namespace ldm::vae
