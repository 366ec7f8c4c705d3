#pragma once

#include <filesystem>
#include <memory>
#include <variant>
#include <vector>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::pipeline {

/// TAESD (Bohan, github.com/madebyollin/taesd; diffusers: AutoencoderTiny): a decoder that was
/// trained to draw what Stable Diffusion's would, with a hundredth of the work and without fine
/// detail. It takes the UNet's latents as they are, without a scale factor.
///
///     block(x) = relu(conv3(relu(conv2(relu(conv1(x))))) + x)
///     y = conv(blocks(up(... up(blocks(relu(conv(3 tanh(z / 3))))))))
///
/// Every convolution is 3x3. Keys as in upstream's nn.Sequential: 1, 3.conv.0, …, 19.
class TinyDecoder {
public:
    struct Config {
        int latent_channels = 4;
        int channels = 64;
        /// blocks before each upsampling by 2, and after the last one
        std::vector<int> blocks = {3, 3, 3, 1};

        /// Those of diffusers' config.json: latent_channels, decoder_block_out_channels,
        /// num_decoder_blocks. Throws an Error for what is not supported.
        static Config from_json(const io::Json& json);
    };

    TinyDecoder(const nn::Params& weights, const Config& config);

    /// z [N, C, h, w] of variance 1 -> pictures [N, 3, 8 h, 8 w], values around [-1, 1].
    [[nodiscard]] Tensor operator()(const Tensor& z) const;

private:
    class Block {
    public:
        Block(const nn::Params& weights, int channels);
        Tensor operator()(const Tensor& x) const;  // [N, C, H, W] -> the same shape

    private:
        nn::Conv2d conv1_, conv2_, conv3_;
    };
    struct Relu {};
    struct Upsample {};
    std::string path_;
    std::vector<std::variant<nn::Conv2d, Block, Relu, Upsample>> layers_;
};

/// TAESD's decoder from a file: taesd_decoder (keys 1.weight …), or the whole TAESD by upstream's
/// keys (decoder.1.weight) or diffusers' (decoder.layers.0.weight, which counts from 0). Throws an
/// Error if it is none, or one for latents of more than `latent_channels` channels (SDXL's TAESD
/// has the same shapes, and cannot be told apart).
[[nodiscard]] std::unique_ptr<TinyDecoder> open_tiny_decoder(const std::filesystem::path& path,
                                                             int latent_channels, Device device);

}  // namespace ldm::pipeline
