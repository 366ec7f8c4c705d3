#include "chapters/09_training/verify.h"

#include "chapters/09_training/verify_curves.h"
#include "chapters/09_training/verify_lora.h"
#include "chapters/09_training/verify_losses.h"
#include "chapters/09_training/verify_training.h"

namespace ldm::train {

void register_components(verify::Registry& registry) {
    register_losses(registry);
    register_training(registry);
    register_lora(registry);
    register_curves(registry);
}

}  // namespace ldm::train
