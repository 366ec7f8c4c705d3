#include "chapters/05_resblock/verify.h"

namespace ldm::resblock {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::resblock
