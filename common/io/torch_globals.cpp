#include "common/io/torch_globals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

struct TorchType {
    std::string_view dtype, storage;
    DType type;
};
constexpr std::array torch_types = {
    TorchType{"float32", "FloatStorage", DType::f32},
    TorchType{"float64", "DoubleStorage", DType::f64},
    TorchType{"float16", "HalfStorage", DType::f16},
    TorchType{"bfloat16", "BFloat16Storage", DType::bf16},
    TorchType{"int64", "LongStorage", DType::i64},
    TorchType{"int32", "IntStorage", DType::i32},
    TorchType{"int16", "ShortStorage", DType::i16},
    TorchType{"int8", "CharStorage", DType::i8},
    TorchType{"uint8", "ByteStorage", DType::u8},
    TorchType{"bool", "BoolStorage", DType::boolean},
    TorchType{"float8_e4m3fn", "", DType::f8_e4m3},
    TorchType{"float8_e5m2", "", DType::f8_e5m2},
};

/// What may stand in a checkpoint, by full name.
constexpr std::array<std::string_view, 33> known_names = {
    // of tensors and dictionaries of tensors
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
    "torch.nn.parameter.Parameter",
    "torch.nn.modules.container.ParameterDict",
    "torch.Tensor",
    "torch.Size",
    "torch.device",
    "torch.storage.UntypedStorage",
    "torch.UntypedStorage",
    "torch.torch_version.TorchVersion",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
    "collections.deque",
    // of settings beside them
    "_codecs.encode",
    "argparse.Namespace",
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "datetime.datetime",
    "datetime.timedelta",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "types.SimpleNamespace",
    "uuid.UUID",
};

/// Types of Python itself. Its functions (eval, exec, getattr, __import__) are not among them.
constexpr std::array<std::string_view, 16> known_builtins = {
    "int",  "long",  "float", "complex",   "bool",  "str",       "unicode", "bytes",
    "list", "tuple", "dict",  "bytearray", "range", "frozenset", "set",     "object",
};

/// Packages (with all that is in them) whose classes occur beside weights.
constexpr std::array<std::string_view, 6> known_packages = {
    "pytorch_lightning",   "lightning", "lightning_fabric",
    "lightning_utilities", "omegaconf", "typing",
};

/// Where NumPy's functions that make its arrays and numbers have been over the years.
constexpr std::array<std::string_view, 3> numpy_modules = {
    "numpy.core.multiarray", "numpy._core.multiarray", "numpy.dtypes"};

template <typename List>
bool contains(const List& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

bool is_known(std::string_view module, std::string_view name) {
    if (contains(known_packages, module.substr(0, module.find('.')))) return true;
    if (contains(numpy_modules, module)) return true;
    if (module == "builtins" || module == "__builtin__") return contains(known_builtins, name);
    // dtypes and storages, also of types that are no use to us: whoever needs the numbers says so
    if (module == "torch" && (name.ends_with("Storage") || name.starts_with("float") ||
                              name.starts_with("int") || name.starts_with("uint") ||
                              name.starts_with("complex") || name == "bfloat16" || name == "bool"))
        return true;
    return contains(known_names, fmt::format("{}.{}", module, name));
}

}  // namespace

void expect_known_globals(const Pickle& pickle, std::string_view what) {
    for (const PickleValue& value : pickle.values) {
        if (value.kind != PickleValue::Kind::global || is_known(value.text, value.name)) continue;
        const std::string name = text::printable(fmt::format("{}.{}", value.text, value.name));
        if (value.text.starts_with("torch.nn."))
            throw Error(
                fmt::format("{} holds a whole module ('{}'), of which only the weights could be "
                            "read: write its state_dict() instead",
                            what, name));
        throw Error(
            fmt::format("{} asks to run '{}', which weights never need: it may be hostile, and "
                        "nothing of it was run",
                        what, name));
    }
}

bool is_global(const PickleValue& value, std::string_view name) {
    return value.kind == PickleValue::Kind::global && name.starts_with(value.text) &&
           name.ends_with(value.name) && name.size() == value.text.size() + 1 + value.name.size() &&
           name[value.text.size()] == '.';
}

std::optional<DType> torch_dtype(const PickleValue& value) {
    if (value.kind == PickleValue::Kind::global && value.text == "torch")
        for (const TorchType& known : torch_types)
            if (known.dtype == value.name) return known.type;
    return std::nullopt;
}

std::optional<DType> torch_storage_type(const PickleValue& value) {
    if (value.kind == PickleValue::Kind::global && value.text == "torch" && !value.name.empty())
        for (const TorchType& known : torch_types)
            if (known.storage == value.name) return known.type;
    return std::nullopt;
}

bool is_untyped_storage(const PickleValue& value) {
    return is_global(value, "torch.storage.UntypedStorage") ||
           is_global(value, "torch.UntypedStorage");
}

}  // namespace ldm::io
