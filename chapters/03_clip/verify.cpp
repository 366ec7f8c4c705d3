#include "chapters/03_clip/verify.h"

namespace ldm::clip {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::clip
