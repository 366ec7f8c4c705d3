#include "common/text/tokenizer_json.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::text {
namespace {

constexpr std::int64_t largest_vocabulary = 10'000'000;

Merge parse_merge(const io::Json& json) {
    if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string())
        return {json[0].get<std::string>(), json[1].get<std::string>()};
    const std::string text = json.is_string() ? json.get<std::string>() : std::string();
    const std::size_t blank = text.find(' ');
    if (blank == text.npos || blank == 0 || blank + 1 == text.size() ||
        text.find(' ', blank + 1) != text.npos)
        throw Error(fmt::format("'{}' is no merge of two tokens", printable(text, 60)));
    return {text.substr(0, blank), text.substr(blank + 1)};
}

}  // namespace

Vocabulary parse_vocabulary(const io::Json& json) {
    if (!json.is_object()) throw Error("expected an object of tokens and ids");
    Vocabulary vocabulary;
    for (const auto& [token, value] : json.items()) {
        const auto id = io::get<std::int64_t>(json, token);
        if (id < 0 || id >= largest_vocabulary)
            throw Error(fmt::format("the id {} of '{}' is out of range", id, printable(token)));
        vocabulary.emplace(token, static_cast<std::int32_t>(id));
    }
    return vocabulary;
}

TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
    const io::Json json = io::read_json(path);
    try {
        const auto model = io::get<io::Json>(json, "model");
        const auto kind = io::get_or(model, "type", "BPE"),
                   suffix = io::get_or(model, "end_of_word_suffix", "");
        if (kind != "BPE" || suffix != "</w>")
            throw Error(
                fmt::format("expected byte pairs with the end of words </w>, as CLIP has "
                            "them, got type '{}' and end '{}'",
                            printable(kind), printable(suffix)));
        TokenizerJson read{.vocabulary = parse_vocabulary(io::get<io::Json>(model, "vocab"))};
        for (const io::Json& merge : io::get<std::vector<io::Json>>(model, "merges"))
            read.merges.push_back(parse_merge(merge));
        return read;
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", path.string(), error.what()));
    }
}

}  // namespace ldm::text
