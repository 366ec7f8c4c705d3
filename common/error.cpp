#include "common/error.h"

#include <fmt/format.h>

#include <string_view>

namespace ldm {

void fail(const std::string& message, std::source_location where) {
    std::string_view file = where.file_name();
    if (auto slash = file.rfind('/'); slash != std::string_view::npos)
        file.remove_prefix(slash + 1);

    // "ldm::Tensor ldm::ops::conv2d(const Tensor&, …)" is too much to read: keep "conv2d".
    std::string_view function = where.function_name();
    function = function.substr(0, function.find('('));
    if (auto space = function.rfind(' '); space != std::string_view::npos)
        function.remove_prefix(space + 1);
    if (auto colons = function.rfind("::"); colons != std::string_view::npos)
        function.remove_prefix(colons + 2);

    throw Error(fmt::format("{}:{} in {}(): {}", file, where.line(), function, message));
}

}  // namespace ldm
