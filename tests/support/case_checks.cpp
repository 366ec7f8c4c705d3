#include "tests/support/case_checks.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/verify/verify.h"
#include "tests/support/catch.h"

namespace ldm::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> cases_in(const fs::path& folder) {
    std::vector<fs::path> files;
    if (!fs::is_directory(folder)) return files;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

void check_file(const verify::Registry& registry, const fs::path& path) {
    const verify::FileReport report = verify::verify_file(registry, path);
    std::ostringstream lines;
    print_text(lines, report);
    INFO(path.string() << "\n" << lines.str());
    CHECK(report.status == verify::FileReport::Status::passed);
}

}  // namespace

void check_cases(const std::string& chapter, const verify::Registry& registry) {
    const fs::path root = LDM_SOURCE_DIR;
    int checked = 0;
    for (const fs::path& path : cases_in(root / "reference_data" / chapter)) {
        const std::string component =
            path.filename().string().substr(0, path.filename().string().find('.'));
        // random numbers, tokens: other tests read them
        if (!registry.contains(component)) continue;
        check_file(registry, path);
        ++checked;
    }
    CHECK(checked > 0);
    for (const fs::path& path : cases_in(root / "../shared/cases"))
        if (registry.contains(
                path.filename().string().substr(0, path.filename().string().find('.'))))
            check_file(registry, path);
}

}  // namespace ldm::test
