#pragma once

#include <optional>
#include <vector>

#include "chapters/07_unet/timestep_embed_sequential.h"
#include "chapters/12_conditioners/attention_pool.h"

namespace ldm::conditioners {

/// The first half of a UNet and its middle, whose features become one vector: a classifier of noisy
/// pictures or latents (openaimodel.py: EncoderUNetModel; Dhariwal and Nichol, 2021). How they
/// become one is the `pool`:
///
///     adaptive     conv(mean(silu(norm(h))))                    the mean over all pixels
///     attention    attention_pool(silu(norm(h)))
///     spatial      linear(relu(linear(means)))                  means: of the results of all
///     spatial_v2   linear(silu(norm(linear(means))))            blocks, one beside the other
class EncoderUNetModel {
public:
    enum class Pool { adaptive, attention, spatial, spatial_v2 };

    struct Config {
        /// out_channels is the number of classes
        unet::Config unet;
        /// width and height of the pictures; pool attention takes no others
        int image_size = 0;
        Pool pool = Pool::adaptive;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    EncoderUNetModel(const nn::Params& weights, const Config& config);

    /// x [N, in_channels, H, W], t [N] int32 or float32 -> logits [N, out_channels]. Throws unless
    /// H and W are multiples of the UNet's down_factor(), and as AttentionPool2d does.
    [[nodiscard]] Tensor operator()(const Tensor& x, const Tensor& t) const;

    const Config& config() const { return config_; }

private:
    EncoderUNetModel(const nn::Params& weights, const Config& config, const unet::Layout& layout);
    Tensor pooled(const Tensor& h) const;
    Tensor joined(const std::vector<Tensor>& means) const;

    Config config_;
    nn::Linear time_in_, time_out_;
    std::vector<unet::TimestepEmbedSequential> down_;
    unet::TimestepEmbedSequential middle_;
    // of the pools those that they need
    std::optional<nn::GroupNorm> norm_;
    std::optional<nn::Conv2d> conv_;
    std::optional<AttentionPool2d> attention_;
    std::optional<nn::Linear> means_in_, means_out_;
};

}  // namespace ldm::conditioners
