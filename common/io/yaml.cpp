#include "common/io/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

/// The whole of `text` as a number.
template <class Number>
bool reads(const std::string& text, Number& value) {
    const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(begin, end, value);
    return error == std::errc() && rest == end;
}

Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    // quoted
    if (node.Tag() == "!") return text;
    if (text.empty() || text == "~" || text == "null" || text == "Null") return nullptr;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    std::int64_t whole = 0;
    if (reads(text, whole)) return whole;
    double number = 0;
    // not "inf" and "nan", which from_chars reads, too
    const bool is_number = text.find_first_not_of("+-0123456789.eE") == text.npos;
    if (is_number && reads(text, number)) return number;
    return text;
}

/// Turns nodes into JSON and counts them.
class Converter {
public:
    Json convert(const YAML::Node& node, int depth = 0) {
        if (++count_ > most_yaml_nodes)
            fail_at(node, fmt::format("more than {} values", most_yaml_nodes));
        if (depth > deepest_json) fail_at(node, fmt::format("more than {} levels", deepest_json));
        if (node.IsMap()) return map(node, depth);
        if (node.IsSequence()) {
            Json list = Json::array();
            for (const YAML::Node& item : node) list.push_back(convert(item, depth + 1));
            return list;
        }
        return node.IsScalar() ? scalar(readable(node)) : Json();
    }

private:
    Json map(const YAML::Node& node, int depth) {
        Json object = Json::object();
        for (const auto& entry : node) {
            if (!entry.first.IsScalar()) fail_at(entry.first, "a key must be text");
            const std::string& key = readable(entry.first).Scalar();
            if (object.contains(key))
                fail_at(entry.first,
                        fmt::format("the key '{}' is there twice", text::printable(key)));
            object[key] = convert(entry.second, depth + 1);
        }
        return object;
    }

    /// Escapes can spell what is no character.
    static const YAML::Node& readable(const YAML::Node& node) {
        if (!text::is_valid_utf8(node.Scalar())) fail_at(node, "not valid UTF-8");
        return node;
    }

    [[noreturn]] static void fail_at(const YAML::Node& node, const std::string& message) {
        throw Error(fmt::format("line {}: {}", node.Mark().line + 1, message));
    }

    std::size_t count_ = 0;
};

}  // namespace

Json parse_yaml(std::string_view text, std::string_view what) {
    try {
        if (text.size() > largest_yaml)
            throw Error(fmt::format("more than {} bytes", largest_yaml));
        if (!text::is_valid_utf8(text) || text.find('\0') != text.npos)
            throw Error("not valid UTF-8, or with NUL characters");
        return Converter().convert(YAML::Load(std::string(text)));
    } catch (const YAML::Exception& error) {
        throw Error(
            fmt::format("{}: line {}: {}", what, error.mark.line + 1, text::printable(error.msg)));
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", what, error.what()));
    }
}

Json read_yaml(const std::filesystem::path& path) {
    return parse_yaml(read_text_file(path), path.string());
}

}  // namespace ldm::io
