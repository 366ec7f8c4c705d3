#include "common/random/state_text.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/random/name_hash.h"

namespace ldm::random {

std::string write_state(std::string_view kind, std::string_view numbers) {
    const std::string text = fmt::format("{} {}", kind, numbers);
    return fmt::format("{} #{:016x}", text, name_hash(text));
}

std::string read_state(std::string_view kind, std::string_view state) {
    const std::string_view text = state.substr(0, state.rfind(" #"));
    const bool whole = state == fmt::format("{} #{:016x}", text, name_hash(text));
    if (!whole || !text.starts_with(fmt::format("{} ", kind)))
        throw Error(fmt::format("this is no state of a {} generator: \"{}{}\"", kind,
                                state.substr(0, 40), state.size() > 40 ? "…" : ""));
    return std::string(text.substr(kind.size() + 1));
}

}  // namespace ldm::random
