#include "chapters/08_ldm_pipeline/all_components.h"

#include "chapters/01_ddpm/verify.h"
#include "chapters/02_vae/verify.h"
#include "chapters/03_clip/verify.h"
#include "chapters/04_attention/verify.h"
#include "chapters/05_resblock/verify.h"
#include "chapters/06_spatial_transformer/verify.h"
#include "chapters/07_unet/verify.h"
#include "chapters/08_ldm_pipeline/verify.h"

namespace ldm::pipeline {

verify::Registry all_components() {
    verify::Registry registry;
    ddpm::register_components(registry);
    vae::register_components(registry);
    clip::register_components(registry);
    attention::register_components(registry);
    resblock::register_components(registry);
    spatial_transformer::register_components(registry);
    unet::register_components(registry);
    pipeline::register_components(registry);
    return registry;
}

}  // namespace ldm::pipeline
