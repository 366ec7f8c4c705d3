#include "chapters/02_vae/helpers/simple_decoder.h"

#include "chapters/02_vae/config.h"

namespace ldm::vae {

SimpleDecoder::SimpleDecoder(const nn::Params& weights, int in_channels, int out_channels)
    : conv_first_(weights / "model" / 0, in_channels, in_channels, nn::pointwise),
      wider_(weights / "model" / 1, {.in_channels = in_channels, .out_channels = 2 * in_channels}),
      widest_(weights / "model" / 2,
              {.in_channels = 2 * in_channels, .out_channels = 4 * in_channels}),
      narrower_(weights / "model" / 3,
                {.in_channels = 4 * in_channels, .out_channels = 2 * in_channels}),
      conv_last_(weights / "model" / 4, 2 * in_channels, in_channels, nn::pointwise),
      upsample_(weights / "model" / 5, in_channels, /*with_conv=*/true),
      norm_out_(weights / "norm_out", in_channels, group_norm_eps),
      conv_out_(weights / "conv_out", in_channels, out_channels) {}

//! [forward]
Tensor SimpleDecoder::operator()(const Tensor& x) const {
    Tensor h = conv_first_(x);          // [N, c, H, W]
    h = narrower_(widest_(wider_(h)));  // [N, 2 c, H, W]
    h = upsample_(conv_last_(h));       // [N, c, 2 H, 2 W]
    return conv_out_(norm_out_.then_silu(h));
}
//! [forward]

}  // namespace ldm::vae
