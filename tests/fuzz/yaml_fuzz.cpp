// Random bytes as a YAML file that describes networks: either it is refused in one line, or the
// networks can be counted.

#include <algorithm>

#include "chapters/12_conditioners/config_file/network_parts.h"
#include "common/io/yaml.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;

namespace {

/// What would only take long to build: many layers.
bool is_large(const io::Json& json) {
    if (json.is_number()) return json.get<double>() > 4096;
    if (!json.is_structured()) return false;
    return json.size() > 64 || std::ranges::any_of(json, is_large);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    attempt([&] {
        const io::Json json = io::parse_yaml(fuzz::text_of(data, size), "yaml");
        // what was read can be written
        require(!json.dump().empty());
        if (is_large(json)) return;
        for (const auto& part : conditioners::network_parts(json))
            require(part.numbers >= 0 && part.tensors >= 0);
    });
    return 0;
}
