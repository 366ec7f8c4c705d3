#pragma once

#include <map>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/tiny_decoder.h"
#include "common/io/safetensors.h"
#include "tests/support/tensor_checks.h"

/// Files of TAESD's decoder with small random numbers.

namespace ldm::test {

/// The names of its weights, upstream's, and their shapes: what the network asks for.
inline std::map<std::string, Shape> tiny_decoder_shapes() {
    nn::Checkpoint asked;
    std::map<std::string, Shape> shapes;
    asked.add_fallback([&](const std::string& name, const Shape& shape) {
        shapes[name] = shape;
        return Tensor::zeros(shape);
    });
    const pipeline::TinyDecoder of_nothing(asked.root(), {});
    return shapes;
}

/// Writes such a file; `name` makes a weight's name in it of its layer and the rest,
/// (18, ".conv.4.bias"). `more` stands beside it, the one called `missing` does not.
template <class Name>
void write_tiny_decoder(const std::filesystem::path& path, const Name& name,
                        const std::vector<std::string>& more = {},
                        const std::string& missing = "") {
    const Tensor numbers = noise({64 * 64 * 9 + 3}, 1, 0.04f);
    const std::span<const float> small(numbers.data(), static_cast<std::size_t>(numbers.size()));
    std::vector<io::TensorEntry> entries;
    for (const auto& [key, shape] : tiny_decoder_shapes()) {
        if (key == missing) continue;
        const auto dot = key.find('.');
        const auto count = static_cast<std::size_t>(element_count(shape));
        entries.push_back(io::entry_of(name(std::stoi(key.substr(0, dot)), key.substr(dot)),
                                       {shape.begin(), shape.end()},
                                       small.subspan(key.size() % 3, count)));
    }
    for (const std::string& other : more)
        entries.push_back(io::entry_of(other, {3}, small.first(3)));
    io::write_safetensors(path, entries);
}

}  // namespace ldm::test
