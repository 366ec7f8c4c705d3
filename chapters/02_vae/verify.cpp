#include "chapters/02_vae/verify.h"

namespace ldm::vae {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::vae
