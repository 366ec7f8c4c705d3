#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "common/io/tensor_entry.h"

namespace ldm::train {

/// A number that changes when any bit of the tensors, their names, shapes and types or of the
/// metadata does. It does not depend on the order of the tensors. Fast (several gigabytes a
/// second), and no protection against somebody who changes a file on purpose.
std::uint64_t checksum(std::span<const io::TensorEntry> entries,
                       const std::map<std::string, std::string>& metadata);

/// The same of bytes alone, such as those of a file.
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace ldm::train
