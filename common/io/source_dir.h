#pragma once

namespace ldm::io {

/// The source tree that the program was built from, which may be gone. In a file of its own, so
/// that it stands in the program as one text, where tests/install/run can find and overwrite it.
extern const char* const source_dir;

}  // namespace ldm::io
