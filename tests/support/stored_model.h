#pragma once

#include <string>

#include "common/nn/params.h"
#include "common/verify/case.h"

namespace ldm::test {

/// The settings, weights and inputs of a stored case, for tests that need some real module and do
/// not care which: StoredModel("07_unet/UNetModel.cross_attention").
class StoredModel {
public:
    explicit StoredModel(const std::string& name);

    const io::Json& config() const { return case_.config(); }
    nn::Params params() { return checkpoint_.root(); }
    /// of all its weights
    std::int64_t numbers() const { return static_cast<std::int64_t>(checkpoint_.count("").second); }
    Tensor in(const std::string& name) const { return case_.tensor("in/" + name); }

private:
    verify::Case case_;
    nn::Checkpoint checkpoint_;
};

}  // namespace ldm::test
