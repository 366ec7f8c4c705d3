#pragma once

// Clang before version 16 does not offer std::source_location with GCC's library; its forerunner
// has the same members. Included in front of everything by the fuzz targets, and nowhere else.
#include <version>
#ifndef __cpp_lib_source_location
#include <experimental/source_location>
namespace std {
using source_location = std::experimental::source_location;
}
#endif
