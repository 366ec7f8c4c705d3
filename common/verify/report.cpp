#include <fmt/format.h>

#include "common/io/utf8.h"
#include "common/verify/verify.h"

namespace ldm::verify {
namespace {

const char* word(FileReport::Status status) {
    switch (status) {
        case FileReport::Status::passed:
            return "passed";
        case FileReport::Status::failed:
            return "failed";
        case FileReport::Status::error:
            return "error";
        case FileReport::Status::f32_only:
            return "float32 only";
    }
    return "";
}

std::string number(std::optional<double> value) {
    return value ? fmt::format("{:.3g}", *value) : "-";
}

io::Json number_or_null(std::optional<double> value) {
    return value ? io::Json(*value) : io::Json();
}
io::Json text_or_null(const std::string& text) {
    return text.empty() ? io::Json() : io::Json(text);
}

}  // namespace

void print_text(std::ostream& out, const FileReport& report) {
    // names and reasons come from the file
    const auto print = [&](const std::string& line) { out << text::printable_lines(line) << '\n'; };
    const std::string name = report.component + "." + report.situation;
    if (report.status == FileReport::Status::error)
        return print(fmt::format("ERROR {}", report.reason));
    if (report.status == FileReport::Status::f32_only)
        return print(fmt::format("SKIP {} float32 only", name));
    for (const Comparison& c : report.comparisons) {
        const std::string more =
            c.rms ? fmt::format("rms={}", number(c.rms)) : fmt::format("x{}", number(c.ratio()));
        print(fmt::format("{} {} {} err={} tol={:.3g} {}{}", c.passed ? "PASS" : "FAIL", name,
                          c.name, number(c.error), c.tolerance.tol, more,
                          c.reason.empty() ? "" : " (" + c.reason + ")"));
    }
    if (!report.reason.empty()) print(fmt::format("FAIL {} {}", name, report.reason));
    if (!report.first_diverging.empty())
        print(fmt::format("first diverging: {} {}", name, report.first_diverging));
}

io::Json to_json(const FileReport& report) {
    io::Json tensors = io::Json::array();
    for (const Comparison& c : report.comparisons)
        tensors.push_back({{"name", c.name},
                           {"status", c.passed ? "passed" : "failed"},
                           {"err", number_or_null(c.error)},
                           {"rms", number_or_null(c.rms)},
                           {"tol", c.tolerance.tol},
                           {"noise", number_or_null(c.tolerance.noise)},
                           {"ratio", number_or_null(c.ratio())},
                           {"reason", text_or_null(c.reason)}});
    return {{"file", report.file},
            {"component", text_or_null(report.component)},
            {"situation", text_or_null(report.situation)},
            {"status", word(report.status)},
            {"reason", text_or_null(report.reason)},
            {"first_diverging", text_or_null(report.first_diverging)},
            {"tensors", std::move(tensors)}};
}

}  // namespace ldm::verify
