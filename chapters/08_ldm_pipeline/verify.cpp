#include "chapters/08_ldm_pipeline/verify.h"

namespace ldm::pipeline {

void register_components(verify::Registry& registry) { (void)registry; }

}  // namespace ldm::pipeline
