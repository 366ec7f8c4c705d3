#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "common/error.h"

// What the fuzz targets share. Each states promises with require(); an ldm::Error is a good answer
// to bad bytes, anything else that escapes is a finding.

namespace ldm::fuzz {

inline void require(bool condition) {
    if (!condition) std::abort();
}

/// Runs `body`; an ldm::Error must say something, and where one line is promised, one line.
enum class Lines { one, several };
template <typename Body>
void attempt(const Body& body, Lines lines = Lines::one) {
    try {
        body();
    } catch (const Error& error) {
        require(std::strlen(error.what()) > 0);
        require(lines == Lines::several || std::strchr(error.what(), '\n') == nullptr);
    }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// A folder of this process, for readers that want a file; in $TMPDIR, which tests/fuzz/run puts
/// into memory and takes away again (libFuzzer ends without a chance to do so).
const std::filesystem::path& scratch_folder();

/// Writes `<scratch folder>/<name>` and returns its path.
std::filesystem::path scratch_file(const std::string& name, std::string_view bytes);

}  // namespace ldm::fuzz
