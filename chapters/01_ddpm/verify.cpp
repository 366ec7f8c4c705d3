#include "chapters/01_ddpm/verify.h"

namespace ldm::ddpm {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::ddpm
