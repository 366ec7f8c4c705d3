#include "chapters/ldm/components.h"

#include "chapters/08_ldm_pipeline/all_components.h"
#include "chapters/09_training/verify.h"
#include "chapters/10_samplers/verify.h"
#include "chapters/11_editing/verify.h"
#include "chapters/12_conditioners/verify.h"
#include "chapters/13_super_resolution/verify.h"

namespace ldm::program {

verify::Registry known_components() {
    verify::Registry registry = pipeline::all_components();
    train::register_components(registry);
    samplers::register_components(registry);
    editing::register_components(registry);
    conditioners::register_components(registry);
    super_resolution::register_components(registry);
    return registry;
}

}  // namespace ldm::program
