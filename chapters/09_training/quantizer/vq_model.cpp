#include "chapters/09_training/quantizer/vq_model.h"

namespace ldm::train {

VQModel::VQModel(const nn::Params& weights, const Config& config)
    : encoder_(weights / "encoder", config.ddconfig),
      decoder_(weights / "decoder", config.ddconfig),
      quantize_(weights / "quantize", {.n_e = config.n_embed,
                                       .e_dim = config.embed_dim,
                                       .sane_index_shape = config.sane_index_shape}),
      quant_conv_(weights / "quant_conv", config.ddconfig.z_channels, config.embed_dim,
                  nn::pointwise),
      post_quant_conv_(weights / "post_quant_conv", config.embed_dim, config.ddconfig.z_channels,
                       nn::pointwise) {
    expect(!config.ddconfig.double_z,
           "VQModel: 'double_z' must be false, an entry of a codebook has no variance");
}

//! [forward]
Tensor VQModel::encode_to_prequant(const Tensor& x) const { return quant_conv_(encoder_(x)); }

VectorQuantizer2::Result VQModel::encode(const Tensor& x) const {
    return quantize_(encode_to_prequant(x));
}

Tensor VQModel::decode(const Tensor& quant) const { return decoder_(post_quant_conv_(quant)); }

Tensor VQModelInterface::decode(const Tensor& h, bool force_not_quantize) const {
    return model_.decode(force_not_quantize ? h : model_.quantize()(h).z_q);
}
//! [forward]

}  // namespace ldm::train
