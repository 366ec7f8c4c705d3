#include "common/verify/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/io/utf8.h"
#include "common/ops/transfer.h"

namespace ldm::verify {
namespace {

constexpr std::array compared = {"act/", "out/", "grad/in/", "grad/param/", "gradprobe/param/"};
constexpr std::array given = {"param/", "in/", "cotangent/"};

bool has_prefix(std::string_view name, const auto& prefixes) {
    return std::ranges::any_of(prefixes, [&](std::string_view p) { return name.starts_with(p); });
}

bool is_floating(io::DType dtype) { return dtype == io::DType::f32 || dtype == io::DType::f64; }

}  // namespace

Values values_of(const Tensor& anywhere) {
    const bool is_narrow = anywhere.dtype() == DType::f16 || anywhere.dtype() == DType::bf16;
    const Tensor x = ops::to(is_narrow ? ops::to(anywhere, DType::f32) : anywhere, Device::cpu);
    Values values{x.shape(), std::vector<double>(x.size())};
    if (x.dtype() == DType::i32)
        std::copy_n(x.ints(), x.size(), values.numbers.begin());
    else
        std::ranges::copy(x.values(), values.numbers.begin());
    return values;
}

Case::Case(const std::filesystem::path& path) : file_(io::open_safetensors(path)) {
    if (const std::string format = metadata("format"); format != "ldm-case v1")
        broken(fmt::format("format is \"{}\", expected \"ldm-case v1\":", format), "format");
    component_ = metadata("component");
    situation_ = metadata("situation");
    for (const char* key : {"source", "note"}) metadata(key);
    config_ = io::parse_json(metadata("config"), path.string() + ": metadata 'config'");
    tolerance_ = io::parse_json(metadata("tolerance"), path.string() + ": metadata 'tolerance'");
    if (!config_.is_object()) broken("not a JSON object:", "config");
    if (!tolerance_.is_object()) broken("not a JSON object:", "tolerance");
    if (file_.metadata().contains("recipe"))
        recipe_ = io::parse_json(metadata("recipe"), path.string() + ": metadata 'recipe'");

    for (const io::TensorEntry& entry : file_.entries()) {
        const std::string& name = entry.name;
        if (!has_prefix(name, compared) && !has_prefix(name, given))
            broken("no known prefix:", name);
        const bool known = is_floating(entry.dtype) || entry.dtype == io::DType::i32 ||
                           entry.dtype == io::DType::u8;
        if (!known) broken(fmt::format("element type {} of", io::name_of(entry.dtype)), name);
        if (recipe_ && name.starts_with("param/")) broken("a parameter beside a recipe:", name);
        if (is_floating(entry.dtype))
            for (double value : io::read_doubles(entry))
                if (!std::isfinite(value)) broken("a number that is not finite in", name);
    }
    for (const std::string& name : names("cotangent/")) {
        const io::TensorEntry* out = file_.find("out/" + name);
        if (!out || out->shape != file_.at("cotangent/" + name).shape)
            broken("no output of that shape for", "cotangent/" + name);
    }
    for (const std::string& name : names("grad/in/")) {
        const io::TensorEntry* in = file_.find("in/" + name);
        if (!in || in->shape != file_.at("grad/in/" + name).shape)
            broken("no input of that shape for", "grad/in/" + name);
    }
    const auto wanted = expected();
    if (wanted.empty()) broken("nothing to compare:", "out/");
    for (const std::string& name : wanted) {
        if (name.starts_with("grad") && names("cotangent/").empty())
            broken("no cotangent for", name);
        const auto entry = io::get_or(tolerance_, name, io::Json::object());
        if (!entry.is_object() || !entry.contains("tol") || !entry.at("tol").is_number())
            broken("no tolerance for", name);
    }
    for (const auto& [name, value] : tolerance_.items())
        if (std::ranges::find(wanted, name) == wanted.end())
            broken("a tolerance without a tensor:", name);
}

std::vector<std::string> Case::names(std::string_view prefix) const {
    std::vector<std::string> names;
    for (const io::TensorEntry& entry : file_.entries())
        if (entry.name.starts_with(prefix)) names.push_back(entry.name.substr(prefix.size()));
    std::ranges::sort(names);
    return names;
}

Tensor Case::tensor(const std::string& name) const {
    const io::TensorEntry& entry = file_.at(name);
    if (is_floating(entry.dtype)) {
        Tensor x(entry.shape);
        io::read_floats(entry, x.values());
        return x;
    }
    Tensor x(entry.shape, DType::i32);
    std::ranges::copy(io::read_integers(entry), x.ints());
    return x;
}

Values Case::values(const std::string& name) const {
    const io::TensorEntry& entry = file_.at(name);
    return {entry.shape, io::read_doubles(entry)};
}

std::vector<std::string> Case::expected() const {
    std::vector<std::string> all;
    for (const char* prefix : compared)
        for (const std::string& name : names(prefix)) all.push_back(prefix + name);
    return all;
}

Tolerance Case::tolerance(const std::string& name) const {
    const io::Json& entry = tolerance_.at(name);
    Tolerance tolerance{io::get<double>(entry, "tol"), std::nullopt};
    if (io::has(entry, "noise")) tolerance.noise = io::get<double>(entry, "noise");
    return tolerance;
}

std::string Case::metadata(const std::string& key) const {
    auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) broken("missing metadata", key);
    return found->second;
}

void Case::broken(const std::string& what, const std::string& key) const {
    throw Error(fmt::format("{}: {} '{}'", file_.path().string(), text::printable(what),
                            text::printable(key)));
}

}  // namespace ldm::verify
