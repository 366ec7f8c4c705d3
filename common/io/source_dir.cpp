#include "common/io/source_dir.h"

namespace ldm::io {

const char* const source_dir = LDM_SOURCE_DIR;

}  // namespace ldm::io
