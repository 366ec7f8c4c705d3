#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ldm::io {

using Json = nlohmann::json;

/// Parses `text`; `what` opens the message of an error (usually the file's name).
/// Stricter than the library: an object that has a key twice is an error, naming the key.
Json parse_json(std::string_view text, std::string_view what);

/// Reads a JSON file. Throws ldm::Error with one line: file, place, what is wrong.
Json read_json(const std::filesystem::path& path);

/// Writes it indented by two blanks, complete or not at all.
void write_json(const std::filesystem::path& path, const Json& json);

/// Throws unless `object` is an object all of whose keys are in `known`; names the first that is
/// not.
void expect_only_keys(const Json& object, std::initializer_list<std::string_view> known,
                      std::string_view what);
void expect_only_keys(const Json& object, const std::vector<std::string>& known,
                      std::string_view what);

namespace detail {
bool read(const Json& json, bool& value);
bool read(const Json& json, int& value);
bool read(const Json& json, std::int64_t& value);
bool read(const Json& json, std::uint64_t& value);
bool read(const Json& json, float& value);
bool read(const Json& json, double& value);
bool read(const Json& json, std::string& value);
bool read(const Json& json, Json& value);
template <typename T>
bool read(const Json& json, std::vector<T>& value) {
    if (!json.is_array()) return false;
    value.clear();
    for (const Json& element : json) {
        T item{};
        if (!read(element, item)) return false;
        value.push_back(std::move(item));
    }
    return true;
}
[[noreturn]] void fail_missing(std::string_view key);
[[noreturn]] void fail_type(std::string_view key, const Json& found);
const Json* find(const Json& object, std::string_view key);
}  // namespace detail

/// The value of `key`, which must be there and be a T (a bool is no number, 2.5 is no int).
template <typename T>
T get(const Json& object, std::string_view key) {
    const Json* found = detail::find(object, key);
    if (!found) detail::fail_missing(key);
    T value{};
    if (!detail::read(*found, value)) detail::fail_type(key, *found);
    return value;
}

/// The value of `key`, or `fallback` when the key is absent or null. A wrong type is an error.
template <typename T>
T get_or(const Json& object, std::string_view key, T fallback) {
    const Json* found = detail::find(object, key);
    return found && !found->is_null() ? get<T>(object, key) : fallback;
}
inline std::string get_or(const Json& object, std::string_view key, const char* fallback) {
    return get_or(object, key, std::string(fallback));
}

}  // namespace ldm::io
