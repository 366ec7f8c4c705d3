#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "common/io/pickle.h"
#include "common/io/tensor_file.h"

namespace ldm::io {

/// The numbers that tensors are views of, as a pickle names them:
/// ("storage", torch.HalfStorage, key, device, count).
struct TorchStorage {
    std::string_view key;
    /// nothing: the storage is untyped, its elements are bytes
    std::optional<DType> type;
    std::uint64_t count = 0;

    std::size_t element_size() const { return type ? size_of(*type) : 1; }
};

/// What a value of Kind::outside stands for. Throws an ldm::Error that begins with `what` when it
/// is no storage, or one of a type that cannot be read.
[[nodiscard]] TorchStorage torch_storage(const Pickle& pickle, const PickleValue& value,
                                         std::string_view what);

/// Gives the bytes of a storage, or throws an ldm::Error when the file does not have just as many.
using FindStorage = std::function<std::span<const std::byte>(const TorchStorage&)>;

/// The tensors of a checkpoint. If the pickle is a dictionary with a "state_dict", as Lightning
/// writes it, they are those of this one, by its names, and what else there is (states of
/// optimizers, callbacks) is left out. Otherwise they are those of the whole, with the names of
/// dictionaries within each other joined by '.': "string_to_param.*". Texts of the outermost
/// dictionary become metadata.
///
/// A tensor is a view of its storage with an offset, a shape and strides. Where that is row-major,
/// it becomes a view of the file; otherwise a copy. All copies together have at most `most_copied`
/// bytes. Throws an ldm::Error that begins with `what` for tensors that reach beyond their storage
/// or are otherwise impossible, for names that are there twice, for 64 dictionaries within each
/// other, 100,000 tensors, names of 1024 bytes, and a pickle without a tensor that has a name.
[[nodiscard]] TensorFileContents collect_torch_tensors(const Pickle& pickle,
                                                       const FindStorage& find_storage,
                                                       std::size_t most_copied,
                                                       std::string_view what);

}  // namespace ldm::io
