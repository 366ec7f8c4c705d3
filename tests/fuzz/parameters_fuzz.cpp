// Random bytes as the text "parameters" of a picture: either it is refused in one line, or the
// settings are some, and what an own text of them says is read again as it was.

#include "chapters/ldm/parameters.h"
#include "common/io/json.h"
#include "common/io/utf8.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;
using program::Parameters;
using program::parse_parameters;

namespace {

std::string text_of(const Parameters& parameters) {
    std::string text = parameters.prompt + "\n";
    if (!parameters.negative_prompt.empty())
        text += "Negative prompt: " + parameters.negative_prompt + "\n";
    for (const auto& [key, value] : parameters.settings)
        text += key + ": " + io::Json(value).dump() + ", ";
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    attempt([&] {
        const Parameters parameters = parse_parameters(text);
        require(parameters.settings.size() >= 3);
        for (const auto& [key, value] : parameters.settings) {
            require(!key.empty() && key.find(':') == key.npos);
            require(key.size() + value.size() <= size);
            require(key.find('\n') == key.npos);
        }
        require(parameters.prompt.size() + parameters.negative_prompt.size() <= size);
        // JSON and PNG have no other text
        if (!text::is_valid_utf8(text)) return;
        const Parameters again = parse_parameters(text_of(parameters));
        require(again.prompt == parameters.prompt);
        require(again.negative_prompt == parameters.negative_prompt);
        require(again.settings == parameters.settings);
    });
    return 0;
}
