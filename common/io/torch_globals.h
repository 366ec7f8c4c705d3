#pragma once

#include <optional>
#include <string_view>

#include "common/io/pickle.h"
#include "common/io/tensor_entry.h"

namespace ldm::io {

/// Throws an ldm::Error that begins with `what` and names the function or class unless all that the
/// pickle mentions belongs into a checkpoint: what tensors are made of, and, because Lightning
/// stores settings and callbacks beside the weights, classes of Lightning, OmegaConf, NumPy and the
/// like. Of these, too, nothing is imported or called.
void expect_known_globals(const Pickle& pickle, std::string_view what);

/// Whether the value is the function or class of that name, "torch._utils._rebuild_tensor_v2".
[[nodiscard]] bool is_global(const PickleValue& value, std::string_view name);

/// The type of a dtype ("torch.float16") or typed storage ("torch.HalfStorage"); nothing for other
/// values, and for types that this project has no use for (complex, quantized).
[[nodiscard]] std::optional<DType> torch_dtype(const PickleValue& value);
[[nodiscard]] std::optional<DType> torch_storage_type(const PickleValue& value);

/// Whether it is torch.storage.UntypedStorage, whose numbers are bytes.
[[nodiscard]] bool is_untyped_storage(const PickleValue& value);

}  // namespace ldm::io
