#include "common/report/option_checks.h"

#include <fmt/format.h>

#include <algorithm>

namespace ldm::report {

CLI::Validator whole_number() {
    const auto check = [](std::string& text) {
        const bool digits =
            !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
        return digits ? std::string() : fmt::format("{} is not a whole number from 0 on", text);
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
