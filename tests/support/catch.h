#pragma once

#include <string>

/// Catch2 is one header in version 2 (Debian 12) and several in version 3 (Ubuntu 24.04); this file
/// hides the difference, and the new names of the matcher for a part of a text and of nearly equal
/// numbers.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace ldm::test {
inline auto has_text(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }
}  // namespace ldm::test
#else
#include <catch2/catch.hpp>
namespace ldm::test {
inline auto has_text(const std::string& part) { return Catch::Matchers::Contains(part); }
}  // namespace ldm::test
#endif
