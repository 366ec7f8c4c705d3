#include "common/report/option_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

namespace ldm::report {

CLI::Validator whole_number() {
    const auto check = [](std::string& text) {
        std::uint64_t value = 0;
        const char* const last = text.data() + text.size();
        const auto [end, error] = std::from_chars(text.data(), last, value);
        if (error == std::errc::result_out_of_range)
            return fmt::format("{} is larger than {}", text,
                               std::numeric_limits<std::uint64_t>::max());
        return error == std::errc() && end == last
                   ? std::string()
                   : fmt::format("{} is not a whole number from 0 on", text);
    };
    return CLI::Validator(check, "UINT");
}

CLI::Validator number_between(double low, double high) {
    const auto check = [low, high](std::string& text) {
        double value = 0.0;
        const bool within = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
        return within ? std::string()
                      : fmt::format("{} is not a number from {:g} to {:g}", text, low, high);
    };
    return CLI::Validator(check, fmt::format("FLOAT in [{:g} - {:g}]", low, high));
}

}  // namespace ldm::report
