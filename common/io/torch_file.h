#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "common/io/tensor_file.h"

namespace ldm::io {

/// Whether the first bytes are those of a file that torch.save writes: of a zip file or a pickle.
[[nodiscard]] bool is_torch_file(std::span<const std::byte> file);

/// Reads and checks what torch.save wrote, in memory; the entries are views into `file` or copies
/// (collect_torch_tensors). Two formats:
///
///   since PyTorch 1.6   a zip file with ROOT/data.pkl, a pickle of the object, ROOT/data/KEY, the
///                       numbers of each storage, not compressed, and ROOT/byteorder
///   before              pickles one after the other (a magic number, the protocol 1001, the
///                       machine, the object, the keys of the storages), then for each key 8 bytes
///                       with the count of its elements, and the elements
///
/// Pickles can ask Python to run anything; here they are only looked at (pickle.h,
/// torch_globals.h). Throws an ldm::Error of one line for whatever is cut, malformed, hostile or
/// big-endian. Upstream: torch/serialization.py
TensorFileContents parse_torch_file(std::span<const std::byte> file, std::string_view what);

/// A PyTorch checkpoint (.ckpt, .pt, .pth, .bin), mapped into memory.
[[nodiscard]] TensorFile open_torch_file(const std::filesystem::path& path);

}  // namespace ldm::io
