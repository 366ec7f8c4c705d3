#include "common/io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

/// "[json.exception.parse_error.101] parse error at line 1, …" without the bracket.
std::string reason(const Json::exception& error) {
    std::string_view message = error.what();
    if (const auto end = message.find("] "); end != std::string_view::npos)
        message.remove_prefix(end + 2);
    return text::printable(message, 300);
}

/// Builds the value while the library reads the text (its "SAX" interface). The library alone keeps
/// the last of two equal keys and says nothing, and knows no limit of depth; its callback parser
/// looks at all of an object again for each of its members.
class Builder : public nlohmann::json_sax<Json> {
public:
    explicit Builder(std::string_view what) : what_(what) {}

    Json take() { return std::move(root_); }

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(std::int64_t value) override { return add(value); }
    bool number_unsigned(std::uint64_t value) override { return add(value); }
    bool number_float(double value, const std::string&) override { return add(value); }
    bool string(std::string& value) override { return add(std::move(value)); }
    bool binary(Json::binary_t& value) override { return add(std::move(value)); }

    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override {
        auto& object = open_.back()->get_ref<Json::object_t&>();
        const auto [member, is_new] = object.try_emplace(name);
        if (!is_new)
            throw Error(fmt::format("{}: duplicate key '{}'", what_, text::printable(name)));
        member_ = &member->second;
        return true;
    }

    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& error) override {
        throw Error(fmt::format("{}: not valid JSON: {}", what_, reason(error)));
    }

private:
    /// Puts a value where the text is: behind the last key, at the end of a list, or at the top.
    Json* put(Json value) {
        Json* place = &root_;
        if (!open_.empty() && open_.back()->is_array())
            place = &open_.back()->get_ref<Json::array_t&>().emplace_back();
        else if (!open_.empty())
            place = member_;
        *place = std::move(value);
        return place;
    }

    bool add(Json value) {
        put(std::move(value));
        return true;
    }

    bool open(Json empty) {
        if (std::ssize(open_) == deepest_json)
            throw Error(
                fmt::format("{}: more than {} brackets within each other", what_, deepest_json));
        open_.push_back(put(std::move(empty)));
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    std::string_view what_;
    Json root_;
    // Objects and lists that are not closed yet, each within the one before. They stay where they
    // are: nothing is added to the outer one meanwhile.
    std::vector<Json*> open_;
    // the place of the value that follows the last key
    Json* member_ = nullptr;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
    if (text.size() > largest_json)
        throw Error(fmt::format("{}: {} bytes of JSON, at most {} are read", what, text.size(),
                                largest_json));
    // The library takes a zero byte for the end of the text and ignores what follows.
    if (text.find('\0') != std::string_view::npos)
        throw Error(fmt::format("{}: not valid JSON: it contains a zero byte", what));
    Builder builder(what);
    Json::sax_parse(text, &builder);
    return builder.take();
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

void fail_range(std::string_view key, const Json& found, std::int64_t low, std::int64_t high) {
    throw Error(fmt::format("'{}' must be from {} to {}, got {}", text::printable(key), low, high,
                            found.dump()));
}

void fail_count(std::string_view key, std::size_t count, std::size_t most) {
    throw Error(fmt::format("'{}' must have at most {} entries, got {}", text::printable(key), most,
                            count));
}

const Json* find(const Json& object, std::string_view key) {
    if (!object.is_object())
        throw Error(fmt::format("expected a JSON object with the key '{}', got {}",
                                text::printable(key), object.type_name()));
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

}  // namespace detail

bool has(const Json& object, std::string_view key) {
    const Json* found = detail::find(object, key);
    return found && !found->is_null();
}

}  // namespace ldm::io
