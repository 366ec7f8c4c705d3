#include "chapters/ldm/preview.h"

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/image/png.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::program {

void Preview::show(const pipeline::LatentDiffusion& model, const ddpm::SamplerStep& step) const {
    const int done = step.count - step.index;
    if (options_.path.empty() || done % options_.interval != 0) return;
    const Tensor z = ops::slice(step.pred_x0, 0, 0, 1);
    const Tensor picture = options_.tiny_decoder ? (*options_.tiny_decoder)(z) : model.decode(z);
    image::save_png(options_.path, pipeline::to_uint8_image(ops::to(picture, Device::cpu), 0));
}

}  // namespace ldm::program
