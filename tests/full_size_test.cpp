#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "chapters/02_vae/verify.h"
#include "chapters/03_clip/verify.h"
#include "chapters/07_unet/verify.h"
#include "common/verify/verify.h"
#include "tests/support/catch.h"

// Stable Diffusion 1.5 at its real size. A billion weights would not fit into a repository, so the
// cases of reference_data/full_size carry a recipe for them and a few kilobytes of PyTorch's
// results.

using namespace ldm;
namespace fs = std::filesystem;

namespace {

// GB
constexpr double most_memory = 8.0;

double peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
}

std::vector<fs::path> cases() {
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::directory_iterator(fs::path(LDM_SOURCE_DIR) / "reference_data/full_size"))
        if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

/// How far the worst tensor is off, as a share of what it may be.
double share_of_tolerance(const verify::FileReport& report) {
    double worst = 0.0;
    for (const verify::Comparison& c : report.comparisons)
        worst = std::max(worst, c.error.value_or(0.0) / c.tolerance.tol);
    return worst;
}

}  // namespace

TEST_CASE("Stable Diffusion 1.5 agrees with PyTorch at its real size") {
    verify::Registry registry;
    vae::register_components(registry);
    clip::register_components(registry);
    unet::register_components(registry);

    const auto files = cases();
    REQUIRE(!files.empty());
    for (const fs::path& path : files) {
        const auto start = std::chrono::steady_clock::now();
        const verify::FileReport report = verify::verify_file(registry, path);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        fmt::print(
            "{:42} {:6.1f} s, peak memory so far {:.2f} GB, error up to {:3.0f} % of the "
            "tolerance\n",
            path.stem().string(), seconds.count(), peak_memory(), 100 * share_of_tolerance(report));
        std::fflush(stdout);

        std::ostringstream lines;
        print_text(lines, report);
        INFO(lines.str());
        CHECK(report.status == verify::FileReport::Status::passed);
    }
    CHECK(peak_memory() < most_memory);
}
