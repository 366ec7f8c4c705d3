#include "chapters/06_spatial_transformer/verify.h"

namespace ldm::spatial_transformer {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::spatial_transformer
