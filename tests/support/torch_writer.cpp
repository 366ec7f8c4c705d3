#include "tests/support/torch_writer.h"

#include <fmt/format.h>

#include <map>

#include "common/error.h"

namespace ldm::test {
namespace {

/// The number in so many bytes, the lowest first; those beyond its eight are 0.
std::string bytes_of(std::uint64_t number, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i, number >>= 8) bytes += static_cast<char>(number);
    return bytes;
}

/// What a member's two headers have in common: from the version to the length of the name.
std::string header_of(const ZipEntry& entry) {
    return bytes_of(20, 2) + bytes_of(0, 2) +
           bytes_of(static_cast<std::uint64_t>(entry.method), 2) + bytes_of(0, 8) +
           bytes_of(entry.bytes.size(), 4) + bytes_of(entry.bytes.size(), 4) +
           bytes_of(entry.name.size(), 2) + bytes_of(0, 2);
}

std::string storage_type(io::DType dtype) {
    using enum io::DType;
    static const std::map<io::DType, std::string> types = {
        {f32, "FloatStorage"}, {f64, "DoubleStorage"},    {f16, "HalfStorage"},
        {i64, "LongStorage"},  {bf16, "BFloat16Storage"}, {i32, "IntStorage"},
        {u8, "ByteStorage"}};
    return types.at(dtype);
}

std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
    return strides;
}

std::string integers(const std::vector<std::int64_t>& numbers) {
    std::string values;
    for (const auto number : numbers) values += pickled::integer(number);
    return pickled::tuple(values);
}

/// A tensor in a storage of its own.
std::string tensor_of(const io::TensorEntry& entry, const std::string& key) {
    const auto count = static_cast<std::int64_t>(entry.count());
    if (io::size_of(entry.dtype) > 1 || !io::is_floating_point(entry.dtype))
        return pickled::tensor(pickled::storage(storage_type(entry.dtype), key, count), 0,
                               entry.shape, row_major(entry.shape));
    // 8-bit floats have no storage type: bytes, and the type as an argument
    const std::string storage = pickled::tuple(
        pickled::string("storage") + pickled::global("torch.storage", "UntypedStorage") +
        pickled::string(key) + pickled::string("cpu") + pickled::integer(count));
    const char* type = entry.dtype == io::DType::f8_e4m3 ? "float8_e4m3fn" : "float8_e5m2";
    return pickled::global("torch._utils", "_rebuild_tensor_v3") +
           pickled::tuple(storage + "Q" + pickled::integer(0) + integers(entry.shape) +
                          integers(row_major(entry.shape)) + "\x89N" +
                          pickled::global("torch", type)) +
           "R";
}

/// The pickles of the old format, up to the numbers.
std::string old_beginning(std::string_view object, std::size_t storages) {
    std::string keys;
    for (std::size_t i = 0; i < storages; ++i) keys += pickled::string(std::to_string(i));
    const std::string magic("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.");
    return magic + pickled::whole(pickled::integer(1001)) +
           pickled::whole(pickled::dictionary(pickled::string("little_endian") + "\x88")) +
           pickled::whole(object) + pickled::whole("](" + keys + "e");
}

}  // namespace

std::string zip_of(const std::vector<ZipEntry>& entries) {
    std::string file, directory;
    for (const ZipEntry& entry : entries) {
        directory += "PK\x01\x02" + bytes_of(20, 2) + header_of(entry) + bytes_of(0, 10) +
                     bytes_of(file.size(), 4) + entry.name;
        file += "PK\x03\x04" + header_of(entry) + entry.name + entry.bytes;
    }
    const std::string end = "PK\x05\x06" + bytes_of(0, 4) + bytes_of(entries.size(), 2) +
                            bytes_of(entries.size(), 2) + bytes_of(directory.size(), 4) +
                            bytes_of(file.size(), 4) + bytes_of(0, 2);
    return file + directory + end;
}

namespace pickled {

std::string string(std::string_view text) {
    return fmt::format("X{}{}", bytes_of(text.size(), 4), text);
}

std::string integer(std::int64_t number) {
    return "\x8A\x08" + bytes_of(static_cast<std::uint64_t>(number), 8);
}

std::string global(std::string_view module, std::string_view name) {
    return fmt::format("c{}\n{}\n", module, name);
}

std::string tuple(std::string_view values) { return fmt::format("({}t", values); }

std::string storage(std::string_view type, std::string_view key, std::int64_t count) {
    return tuple(string("storage") + global("torch", type) + string(key) + string("cpu") +
                 integer(count)) +
           "Q";
}

std::string tensor(std::string_view storage, std::int64_t offset,
                   const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides) {
    return global("torch._utils", "_rebuild_tensor_v2") +
           tuple(std::string(storage) + integer(offset) + integers(shape) + integers(strides) +
                 "\x89" + global("collections", "OrderedDict") + ")R") +
           "R";
}

std::string whole(std::string_view object) { return fmt::format("\x80\x02{}.", object); }

std::string dictionary(std::string_view pairs) { return fmt::format("}}({}u", pairs); }

std::string tensors(std::span<const io::TensorEntry> tensors) {
    std::string pairs;
    for (std::size_t i = 0; i < tensors.size(); ++i)
        pairs += string(tensors[i].name) + tensor_of(tensors[i], std::to_string(i));
    return dictionary(pairs);
}

}  // namespace pickled

std::vector<std::string> storages_of(std::span<const io::TensorEntry> tensors) {
    std::vector<std::string> storages;
    for (const io::TensorEntry& entry : tensors)
        storages.emplace_back(reinterpret_cast<const char*>(entry.bytes.data()),
                              entry.bytes.size());
    return storages;
}

std::string torch_zip(std::string_view object, const std::vector<std::string>& storages) {
    std::vector<ZipEntry> entries = {{"archive/data.pkl", pickled::whole(object)},
                                     {"archive/byteorder", "little"},
                                     {"archive/version", "3\n"}};
    for (std::size_t i = 0; i < storages.size(); ++i)
        entries.push_back({"archive/data/" + std::to_string(i), storages[i]});
    return zip_of(entries);
}

std::string torch_old(std::string_view object, const std::vector<std::string>& storages,
                      std::size_t element_size) {
    std::string file = old_beginning(object, storages.size());
    for (const std::string& storage : storages)
        file += bytes_of(storage.size() / element_size, 8) + storage;
    return file;
}

std::string torch_zip(std::span<const io::TensorEntry> tensors) {
    return torch_zip(pickled::tensors(tensors), storages_of(tensors));
}

std::string torch_old(std::span<const io::TensorEntry> tensors) {
    const std::vector<std::string> storages = storages_of(tensors);
    std::string file = old_beginning(pickled::tensors(tensors), storages.size());
    for (std::size_t i = 0; i < storages.size(); ++i)
        file += bytes_of(tensors[i].count(), 8) + storages[i];
    return file;
}

}  // namespace ldm::test
