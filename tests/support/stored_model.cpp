#include "tests/support/stored_model.h"

#include "common/nn/recipe.h"

namespace ldm::test {

StoredModel::StoredModel(const std::string& name)
    : case_(std::string(LDM_SOURCE_DIR) + "/reference_data/" + name + ".safetensors") {
    for (const std::string& key : case_.names("param/"))
        checkpoint_.add(key, case_.tensor("param/" + key));
    if (case_.recipe()) nn::add_recipe(checkpoint_, *case_.recipe());
}

}  // namespace ldm::test
