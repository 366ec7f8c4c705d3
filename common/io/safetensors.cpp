#include "common/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>
#include <unordered_set>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/utf8.h"

namespace ldm::io {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

namespace {

constexpr std::string_view metadata_key = "__metadata__";
constexpr std::size_t length_size = 8;
// the limit of the original reader, too
constexpr std::size_t largest_header = largest_json;

/// Throws "<what>: <trouble> '<key>'".
[[noreturn]] void reject(std::string_view what, std::string_view trouble, std::string_view key) {
    throw Error(fmt::format("{}: {} '{}'", what, trouble, text::printable(key)));
}

/// Number of bytes of a tensor of that shape; nothing when it does not fit into 64 bits.
std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& shape, DType dtype) {
    std::uint64_t bytes = size_of(dtype);
    for (const std::int64_t extent : shape)
        if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes))
            return std::nullopt;
    return bytes;
}

/// Counts are written as plain integers: no sign, no fraction, no exponent.
std::vector<std::int64_t> read_counts(const Json& value, std::string_view what,
                                      std::string_view field, std::string_view key) {
    const auto is_count = [](const Json& x) {
        return x.is_number_unsigned() && std::in_range<std::int64_t>(x.get<std::uint64_t>());
    };
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_count))
        reject(what, fmt::format("{} must be a list of counts for", field), key);
    return value.get<std::vector<std::int64_t>>();
}

/// A shape for a message, however many numbers a hostile header lists.
std::string short_shape(const TensorEntry& entry) {
    return text::printable(shape_text(entry.shape), 60);
}

TensorEntry read_entry(const std::string& key, const Json& value, std::span<const std::byte> data,
                       std::string_view what) {
    if (!value.is_object()) reject(what, "the header has no object for", key);
    const auto field = [&](const char* name) -> const Json& {
        const auto found = value.find(name);
        if (found == value.end()) reject(what, fmt::format("no {} for", name), key);
        return *found;
    };
    const Json &dtype_field = field("dtype"), &shape_field = field("shape"),
               &offsets_field = field("data_offsets");

    TensorEntry entry;
    entry.name = key;
    if (!dtype_field.is_string()) reject(what, "dtype must be a text for", key);
    const auto& dtype_name = dtype_field.get_ref<const std::string&>();
    const auto dtype = dtype_named(dtype_name);
    if (!dtype)
        reject(what, fmt::format("unknown dtype {} of", text::printable(dtype_name, 30)), key);
    entry.dtype = *dtype;
    entry.shape = read_counts(shape_field, what, "shape", key);

    const auto offsets = read_counts(offsets_field, what, "data_offsets", key);
    if (offsets.size() != 2) reject(what, "data_offsets must be two numbers for", key);
    const auto begin = static_cast<std::uint64_t>(offsets[0]);
    const auto end = static_cast<std::uint64_t>(offsets[1]);
    if (begin > end) reject(what, "data_offsets end before they begin for", key);
    if (end > data.size())
        reject(what,
               fmt::format("data_offsets [{}, {}] reach beyond the end of the data ({} bytes) for",
                           begin, end, data.size()),
               key);

    const auto bytes = byte_count(entry.shape, entry.dtype);
    if (!bytes) reject(what, fmt::format("shape {} is too large for", short_shape(entry)), key);
    if (*bytes != end - begin)
        reject(what,
               fmt::format("shape {} of {} needs {} bytes, data_offsets give {} for",
                           short_shape(entry), name_of(entry.dtype), *bytes, end - begin),
               key);
    entry.bytes = data.subspan(begin, end - begin);
    return entry;
}

/// The data must be covered exactly once: no overlaps, no gaps, nothing left over.
void check_coverage(const std::vector<TensorEntry>& entries, std::span<const std::byte> data,
                    std::string_view what) {
    const std::byte* position = data.data();
    for (const TensorEntry& entry : entries) {
        if (entry.bytes.data() < position)
            reject(what, "data overlaps that of another tensor:", entry.name);
        if (entry.bytes.data() > position)
            reject(what, "unused bytes before the data of", entry.name);
        position = entry.bytes.data() + entry.bytes.size();
    }
    const auto left = data.data() + data.size() - position;
    if (left > 0) throw Error(fmt::format("{}: {} unused bytes after the last tensor", what, left));
}

}  // namespace

TensorFileContents parse_safetensors(std::span<const std::byte> file, std::string_view what) {
    if (file.empty()) throw Error(fmt::format("{}: the file is empty", what));
    if (file.size() < length_size)
        throw Error(
            fmt::format("{}: too short for a safetensors file ({} bytes)", what, file.size()));
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), length_size);
    if (length > file.size() - length_size || length > largest_header)
        throw Error(
            fmt::format("{}: header length {} does not fit a file of {} bytes (truncated, or no "
                        "safetensors file)",
                        what, length, file.size()));

    const std::string_view header_text(reinterpret_cast<const char*>(file.data()) + length_size,
                                       length);
    if (!header_text.starts_with('{'))
        throw Error(
            fmt::format("{}: the header does not start with '{{' (no safetensors file?)", what));
    if (const auto bad = text::find_invalid_utf8(header_text); bad != std::string_view::npos)
        reject(what, "the header is not UTF-8 near",
               header_text.substr(bad < 20 ? 0 : bad - 20, 40));
    const Json header = parse_json(header_text, fmt::format("{}: header", what));
    const auto data = file.subspan(length_size + length);

    TensorFileContents result{.format = "safetensors"};
    for (const auto& [key, value] : header.items()) {
        if (key != metadata_key) {
            result.entries.push_back(read_entry(key, value, data, what));
            continue;
        }
        if (!value.is_object()) reject(what, "expected an object of texts in", key);
        for (const auto& [name, text] : value.items()) {
            if (!text.is_string()) reject(what, "expected a text in __metadata__ for", name);
            result.metadata.emplace(name, text.get<std::string>());
        }
    }
    const auto place = [](const TensorEntry& e) {
        return std::tuple(e.bytes.data(), e.bytes.size(), std::string_view(e.name));
    };
    std::sort(result.entries.begin(), result.entries.end(),
              [&](const TensorEntry& a, const TensorEntry& b) { return place(a) < place(b); });
    check_coverage(result.entries, data, what);
    return result;
}

TensorFile open_safetensors(const std::filesystem::path& path) {
    return TensorFile(path, parse_safetensors);
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const std::map<std::string, std::string>& metadata) {
    // ordered_json keeps the order given but searches for keys one by one: names are checked apart.
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    auto& fields = header.get_ref<nlohmann::ordered_json::object_t&>();
    if (!metadata.empty()) fields.emplace_back(std::string(metadata_key), metadata);

    std::unordered_set<std::string_view> names = {metadata_key};
    std::uint64_t offset = 0;
    for (const TensorEntry& entry : entries) {
        if (!names.insert(entry.name).second) reject(path.string(), "duplicate key", entry.name);
        const bool negative =
            std::any_of(entry.shape.begin(), entry.shape.end(), [](auto x) { return x < 0; });
        if (negative || byte_count(entry.shape, entry.dtype) != entry.bytes.size())
            reject(path.string(),
                   fmt::format("shape {} does not fit {} bytes of", shape_text(entry.shape),
                               entry.bytes.size()),
                   entry.name);
        const std::uint64_t end = offset + entry.bytes.size();
        fields.emplace_back(entry.name, nlohmann::ordered_json{{"dtype", name_of(entry.dtype)},
                                                               {"shape", entry.shape},
                                                               {"data_offsets", {offset, end}}});
        offset = end;
    }

    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::ordered_json::exception&) {
        throw Error(fmt::format("{}: a name or a metadata text is not UTF-8", path.string()));
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();

    AtomicFile file(path);
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(text);
    for (const TensorEntry& entry : entries) file.write(entry.bytes);
    file.commit();
}

}  // namespace ldm::io
