#include "chapters/08_ldm_pipeline/prompt/numbers.h"

#include <cstdlib>
#include <string>

namespace ldm::pipeline {

std::optional<double> number_of(std::string_view text) {
    // strtod knows more: words, hexadecimal numbers, white space in front
    if (text.empty() || text.find_first_not_of("0123456789.eE+-") != text.npos) return {};
    const std::string with_end(text);
    char* stop = nullptr;
    const double number = std::strtod(with_end.c_str(), &stop);
    if (stop != with_end.c_str() + with_end.size()) return {};
    return number;
}

}  // namespace ldm::pipeline
