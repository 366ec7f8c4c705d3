#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include <fstream>

namespace ldm::fuzz {
namespace fs = std::filesystem;

const fs::path& scratch_folder() {
    static const fs::path folder = [] {
        fs::path made = fs::temp_directory_path() / ("ldm_fuzz_" + std::to_string(::getpid()));
        fs::create_directories(made);
        return made;
    }();
    return folder;
}

fs::path scratch_file(const std::string& name, std::string_view bytes) {
    const fs::path path = scratch_folder() / name;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    require(file.good());
    return path;
}

}  // namespace ldm::fuzz
