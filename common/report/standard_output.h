#pragma once

#include <string>

namespace ldm::report {

/// For the end of main(): `status`, or 1 and a line on stderr, "<name>: …", when some of what was
/// printed on stdout could not be written (a full disk behind `> file`). Whoever reads that file
/// would take it for whole.
[[nodiscard]] int finish_output(const std::string& name, int status);

}  // namespace ldm::report
