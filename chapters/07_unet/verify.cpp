#include "chapters/07_unet/verify.h"

namespace ldm::unet {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::unet
