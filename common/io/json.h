#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ldm::io {

using Json = nlohmann::json;

/// Beyond these a text is refused: every JSON that the project reads may come from strangers.
inline constexpr std::size_t largest_json = 100'000'000;
inline constexpr int deepest_json = 64;

/// Parses `text`; `what` opens the message of an error (usually the file's name).
/// Stricter than the library: an object that has a key twice is an error, naming the key, and so
/// are more than `deepest_json` brackets within each other. The time is linear in the text's length
/// but for the sorting of keys.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

/// Reads a JSON file. Throws ldm::Error with one line: file, place, what is wrong.
[[nodiscard]] Json read_json(const std::filesystem::path& path);

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
[[noreturn]] void fail_range(std::string_view key, const Json& found, std::int64_t low,
                             std::int64_t high);
[[noreturn]] void fail_count(std::string_view key, std::size_t count, std::size_t most);
const Json* find(const Json& object, std::string_view key);
}  // namespace detail

/// Whether `object` has the key, and not null behind it.
[[nodiscard]] bool has(const Json& object, std::string_view key);

/// The value of `key`, which must be there and be a T (a bool is no number, 2.5 is no int).
template <typename T>
[[nodiscard]] T get(const Json& object, std::string_view key) {
    const Json* found = detail::find(object, key);
    if (!found) detail::fail_missing(key);
    T value{};
    if (!detail::read(*found, value)) detail::fail_type(key, *found);
    return value;
}

/// The value of `key`, or `fallback` when the key is absent or null. A wrong type is an error.
template <typename T>
[[nodiscard]] T get_or(const Json& object, std::string_view key, T fallback) {
    const Json* found = detail::find(object, key);
    return found && !found->is_null() ? get<T>(object, key) : std::move(fallback);
}
[[nodiscard]] inline std::string get_or(const Json& object, std::string_view key,
                                        const char* fallback) {
    return get_or(object, key, std::string(fallback));
}

/// The number of `key`, which must be from `low` to `high`: sizes of a model that would overflow or
/// ask for all memory end here. Names key, limits and what was found.
template <std::signed_integral T>
[[nodiscard]] T get_in(const Json& object, std::string_view key, T low, T high) {
    const T value = get<T>(object, key);
    if (value < low || value > high) detail::fail_range(key, value, low, high);
    return value;
}

/// The same with a fallback, for a key that may be absent or null.
template <std::signed_integral T>
[[nodiscard]] T get_in_or(const Json& object, std::string_view key, T low, T high, T fallback) {
    return has(object, key) ? get_in<T>(object, key, low, high) : fallback;
}

/// A list of at most `most` numbers, each from `low` to `high`.
template <std::signed_integral T>
[[nodiscard]] std::vector<T> get_list_in(const Json& object, std::string_view key, T low, T high,
                                         std::size_t most) {
    auto values = get<std::vector<T>>(object, key);
    if (values.size() > most) detail::fail_count(key, values.size(), most);
    for (const T value : values)
        if (value < low || value > high) detail::fail_range(key, value, low, high);
    return values;
}

}  // namespace ldm::io
