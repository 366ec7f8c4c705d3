#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/tensor_entry.h"

/// Writes PyTorch checkpoints byte by byte: small ones in the layouts that people have, and, from
/// the same pieces, those that PyTorch would never write.
namespace ldm::test {

struct ZipEntry {
    std::string name, bytes;
    /// 0: stored
    int method = 0;
};

/// A zip file of these; its checksums are 0.
std::string zip_of(const std::vector<ZipEntry>& entries);

/// Instructions of a pickle. Where one takes values, they stand before it.
namespace pickled {
std::string string(std::string_view text);
std::string integer(std::int64_t number);
std::string global(std::string_view module, std::string_view name);
/// "(" values "t"
std::string tuple(std::string_view values);
/// A storage of so many elements: pickled::storage("FloatStorage", "0", 6).
std::string storage(std::string_view type, std::string_view key, std::int64_t count);
/// A tensor in a storage: torch._utils._rebuild_tensor_v2.
std::string tensor(std::string_view storage, std::int64_t offset,
                   const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides);
/// A whole pickle of protocol 2.
std::string whole(std::string_view object);
/// A dictionary of these keys and values, by turns.
std::string dictionary(std::string_view pairs);
}  // namespace pickled

namespace pickled {
/// A dictionary of tensors, each in a storage of its own: "0", "1", …
std::string tensors(std::span<const io::TensorEntry> tensors);
}  // namespace pickled

/// The bytes of each.
std::vector<std::string> storages_of(std::span<const io::TensorEntry> tensors);

/// What torch.save writes for a dictionary of tensors, in the format of today and in that of before
/// PyTorch 1.6.
std::string torch_zip(std::span<const io::TensorEntry> tensors);
std::string torch_old(std::span<const io::TensorEntry> tensors);

/// A checkpoint with this object as data.pkl, and storages "0", "1" … with these bytes.
std::string torch_zip(std::string_view object, const std::vector<std::string>& storages);
std::string torch_old(std::string_view object, const std::vector<std::string>& storages,
                      std::size_t element_size);

}  // namespace ldm::test
