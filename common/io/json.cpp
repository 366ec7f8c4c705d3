#include "common/io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

/// The library keeps the last of two equal keys and says nothing; we watch the parser and object.
class DuplicateKeys {
public:
    explicit DuplicateKeys(std::string_view what) : what_(what) {}

    bool operator()(int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) {
            open_objects_.emplace_back();
        } else if (event == Json::parse_event_t::object_end) {
            open_objects_.pop_back();
        } else if (event == Json::parse_event_t::key) {
            const auto& key = parsed.get_ref<const std::string&>();
            if (!open_objects_.back().insert(key).second)
                throw Error(fmt::format("{}: duplicate key '{}'", what_, text::printable(key)));
        }
        return true;
    }

private:
    std::string_view what_;
    std::vector<std::unordered_set<std::string>> open_objects_;
};

/// "[json.exception.parse_error.101] parse error at line 1, …" without the bracket.
std::string reason(const Json::exception& error) {
    std::string_view message = error.what();
    if (const auto end = message.find("] "); end != std::string_view::npos)
        message.remove_prefix(end + 2);
    return text::printable(message, 300);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
    // The library takes a zero byte for the end of the text and ignores what follows.
    if (text.find('\0') != std::string_view::npos)
        throw Error(fmt::format("{}: not valid JSON: it contains a zero byte", what));
    try {
        DuplicateKeys watch(what);
        return Json::parse(text, std::ref(watch));
    } catch (const Json::exception& error) {
        throw Error(fmt::format("{}: not valid JSON: {}", what, reason(error)));
    }
}

Json read_json(const std::filesystem::path& path) {
    return parse_json(read_text_file(path), path.string());
}

void write_json(const std::filesystem::path& path, const Json& json) {
    try {
        write_text_file(path, json.dump(2) + "\n");
    } catch (const Json::exception& error) {
        throw Error(fmt::format("{}: cannot be written as JSON: {}", path.string(), reason(error)));
    }
}

namespace {

template <typename Keys>
void check_keys(const Json& object, const Keys& known, std::string_view what) {
    if (!object.is_object())
        throw Error(fmt::format("{}: expected a JSON object, got {}", what, object.type_name()));
    for (const auto& [key, value] : object.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw Error(fmt::format("{}: unknown key '{}'", what, text::printable(key)));
}

}  // namespace

void expect_only_keys(const Json& object, std::initializer_list<std::string_view> known,
                      std::string_view what) {
    check_keys(object, known, what);
}

void expect_only_keys(const Json& object, const std::vector<std::string>& known,
                      std::string_view what) {
    check_keys(object, known, what);
}

namespace detail {
namespace {

template <typename Integer>
bool read_integer(const Json& json, Integer& value) {
    if (json.is_number_unsigned()) {
        const auto number = json.get<std::uint64_t>();
        if (!std::in_range<Integer>(number)) return false;
        value = static_cast<Integer>(number);
        return true;
    }
    if (json.is_number_integer()) {
        const auto number = json.get<std::int64_t>();
        if (!std::in_range<Integer>(number)) return false;
        value = static_cast<Integer>(number);
        return true;
    }
    // 1000.0 is how some writers spell 1000.
    if (!json.is_number_float()) return false;
    const double number = json.get<double>();
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) return false;
    if (!std::in_range<Integer>(static_cast<std::int64_t>(number))) return false;
    value = static_cast<Integer>(number);
    return true;
}

template <typename Real>
bool read_real(const Json& json, Real& value) {
    if (!json.is_number()) return false;
    value = json.get<Real>();
    return std::isfinite(value);
}

}  // namespace

bool read(const Json& json, bool& value) {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
}
bool read(const Json& json, int& value) { return read_integer(json, value); }
bool read(const Json& json, std::int64_t& value) { return read_integer(json, value); }
bool read(const Json& json, std::uint64_t& value) { return read_integer(json, value); }
bool read(const Json& json, float& value) { return read_real(json, value); }
bool read(const Json& json, double& value) { return read_real(json, value); }
bool read(const Json& json, std::string& value) {
    if (!json.is_string()) return false;
    value = json.get<std::string>();
    return true;
}
bool read(const Json& json, Json& value) {
    value = json;
    return true;
}

void fail_missing(std::string_view key) {
    throw Error(fmt::format("missing key '{}'", text::printable(key)));
}

void fail_type(std::string_view key, const Json& found) {
    std::string shown = found.dump(-1, ' ', false, Json::error_handler_t::replace);
    throw Error(fmt::format("wrong value for key '{}': {}", text::printable(key),
                            text::printable(shown, 60)));
}

const Json* find(const Json& object, std::string_view key) {
    if (!object.is_object())
        throw Error(fmt::format("expected a JSON object with the key '{}', got {}", key,
                                object.type_name()));
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

}  // namespace detail
}  // namespace ldm::io
