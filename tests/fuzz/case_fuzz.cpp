// Damaged reference cases, as `ldm verify` reads them: whatever a file says, the answer is a
// report.

#include <algorithm>

#include "chapters/08_ldm_pipeline/all_components.h"
#include "chapters/09_training/verify.h"
#include "chapters/10_samplers/verify.h"
#include "common/io/safetensors.h"
#include "common/verify/verify.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

using namespace ldm;
using fuzz::require;

namespace {

verify::Registry everything() {
    auto registry = pipeline::all_components();
    train::register_components(registry);
    samplers::register_components(registry);
    return registry;
}

/// What would only cost memory or time: settings of a large module, or many steps.
bool is_large(const io::Json& json) {
    if (json.is_number()) return json.get<double>() > 256 || json.get<double>() < -1e6;
    return json.is_structured() && std::ranges::any_of(json, is_large);
}

bool is_costly(const std::filesystem::path& path) {
    try {
        const io::TensorFile file = io::open_safetensors(path);
        for (const char* key : {"config", "recipe"}) {
            const auto found = file.metadata().find(key);
            if (found != file.metadata().end() && is_large(io::parse_json(found->second, key)))
                return true;
        }
    } catch (const Error&) {
        // verify has to say so itself
    }
    return false;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    return fuzz::mutate_safetensors(data, size, most, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const verify::Registry registry = everything();
    const auto path = fuzz::scratch_file("case.safetensors", fuzz::text_of(data, size));
    if (is_costly(path)) return 0;
    const auto report = verify::verify_file(registry, path, Device::cpu, DType::f32);
    require(report.status != verify::FileReport::Status::error || !report.reason.empty());
    return 0;
}
