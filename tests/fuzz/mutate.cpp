#include "tests/fuzz/mutate.h"

#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace ldm::fuzz {
namespace {

using Json = nlohmann::ordered_json;

class Mutator {
public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    void change(Json& root) {
        std::vector<Json*> places;
        collect(root, places);
        Json& place = *places[below(places.size())];
        switch (below(4)) {
            case 0:
                place = value_like(place);
                break;
            case 1:
                place = *places[below(places.size())];
                break;
            case 2:
                place = any_value();
                break;
            default:
                change_members(place);
        }
    }

private:
    std::size_t below(std::size_t n) { return random_() % n; }

    static void collect(Json& json, std::vector<Json*>& places) {
        places.push_back(&json);
        if (json.is_structured())
            for (Json& child : json) collect(child, places);
    }

    Json number() {
        static const std::vector<Json> numbers = {0,
                                                  1,
                                                  2,
                                                  3,
                                                  4,
                                                  7,
                                                  8,
                                                  16,
                                                  31,
                                                  32,
                                                  64,
                                                  100,
                                                  1000,
                                                  65536,
                                                  -1,
                                                  -2,
                                                  2147483647,
                                                  2147483648,
                                                  -2147483648,
                                                  4294967296,
                                                  9223372036854775807,
                                                  18446744073709551615u,
                                                  0.5,
                                                  1e-30,
                                                  1e30,
                                                  -0.0,
                                                  1e308};
        return numbers[below(numbers.size())];
    }

    Json any_value() {
        static const std::vector<Json> values = {nullptr, true,          false,          "",
                                                 "x",     Json::array(), Json::object(), "\x1B[2J"};
        return below(3) == 0 ? number() : values[below(values.size())];
    }

    /// Of the same type, where that says something.
    Json value_like(const Json& old) {
        if (old.is_number()) return number();
        if (old.is_boolean()) return !old.get<bool>();
        if (!old.is_string()) return any_value();
        const auto text = old.get<std::string>();
        const std::string inner = mutated_json(text, static_cast<unsigned>(random_()));
        const bool is_json = !inner.empty() && (text.starts_with('{') || text.starts_with('['));
        return is_json ? inner : text.substr(0, below(text.size() + 1)) + "x";
    }

    void change_members(Json& json) {
        if (json.empty() || !json.is_structured()) {
            json = Json::array({json});
            return;
        }
        auto place = json.begin();
        std::advance(place, below(json.size()));
        if (below(2) == 0) {
            json.erase(place);
        } else if (json.is_array()) {
            json.push_back(Json(*place));
        } else {
            json[place.key() + "x"] = Json(place.value());
        }
    }

    std::mt19937 random_;
};

/// What `text` is put in place of the input, if it fits.
std::size_t take(std::string_view text, std::uint8_t* data, std::size_t most) {
    if (text.empty() || text.size() > most) return 0;
    std::memcpy(data, text.data(), text.size());
    return text.size();
}

}  // namespace

std::string mutated_json(std::string_view text, unsigned seed) {
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return "";
    Mutator(seed).change(json);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    if (seed % 4 != 0) {
        const std::string changed =
            mutated_json({reinterpret_cast<const char*>(data), size}, seed / 4);
        if (const std::size_t length = take(changed, data, most)) return length;
    }
    return LLVMFuzzerMutate(data, size, most);
}

std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t most,
                               unsigned seed) {
    constexpr std::size_t length_size = 8;
    std::uint64_t header = 0;
    if (size >= length_size) std::memcpy(&header, data, length_size);
    const bool whole = size >= length_size && header <= size - length_size;
    if (seed % 4 == 0 || !whole) return LLVMFuzzerMutate(data, size, most);

    const std::string_view file(reinterpret_cast<const char*>(data), size);
    const std::string changed = mutated_json(file.substr(length_size, header), seed / 4);
    const std::uint64_t length = changed.size();
    std::string result(reinterpret_cast<const char*>(&length), length_size);
    result += changed;
    result += file.substr(length_size + header);
    const std::size_t taken = changed.empty() ? 0 : take(result, data, most);
    return taken ? taken : LLVMFuzzerMutate(data, size, most);
}

}  // namespace ldm::fuzz
