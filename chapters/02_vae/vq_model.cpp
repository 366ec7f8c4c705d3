#include "chapters/02_vae/vq_model.h"

namespace ldm::vae {

VQModel::VQModel(const nn::Params& weights, const Config& config)
    : encoder_(weights, config.ddconfig, config.embed_dim),
      decoder_(weights, config.ddconfig, config.embed_dim),
      quantize_(weights / "quantize", {.n_e = config.n_embed,
                                       .e_dim = config.embed_dim,
                                       .sane_index_shape = config.sane_index_shape,
                                       .remap = config.remap}) {
    expect(!config.ddconfig.double_z,
           "VQModel: 'double_z' must be false, an entry of a codebook has no variance");
}

VQModelInterface::VQModelInterface(const nn::Params& weights, VQModel::Config config)
    : model_(weights, (config.remap.reset(), config)) {}

//! [forward]
VectorQuantizer2::Result VQModel::encode(const Tensor& x, const Tensor& lots) const {
    return quantize_(encode_to_prequant(x), lots);
}

Tensor VQModelInterface::decode(const Tensor& h, bool force_not_quantize) const {
    return model_.decode(force_not_quantize ? h : model_.quantize()(h).z_q);
}
//! [forward]

}  // namespace ldm::vae
