#include "common/nn/recipe.h"

#include <fmt/format.h>

#include "common/random/procgen.h"

namespace ldm::nn {
namespace {

Tensor literal(const io::Json& entry, const std::string& name, const Shape& shape) {
    const auto dtype = io::get_or(entry, "dtype", "F32");
    const auto numbers = io::get<std::vector<double>>(entry, "values");
    expect(static_cast<std::int64_t>(numbers.size()) == element_count(shape),
           fmt::format("recipe: {} values for the shape {} of '{}'", numbers.size(),
                       to_string(shape), name));
    if (dtype == "F32")
        return Tensor::from(shape, std::vector<float>(numbers.begin(), numbers.end()));
    if (dtype == "I32" || dtype == "U8")
        return Tensor::ints(shape, std::vector<std::int32_t>(numbers.begin(), numbers.end()));
    throw Error(fmt::format("recipe: dtype '{}' of '{}'", dtype, name));
}

}  // namespace

void add_recipe(Checkpoint& checkpoint, const io::Json& recipe) {
    io::expect_only_keys(recipe, {"name", "seed", "tensors"}, "recipe");
    if (const auto name = io::get<std::string>(recipe, "name"); name != "procgen-v1")
        throw Error(fmt::format("unknown recipe '{}'", name));
    const auto seed = io::get<std::uint64_t>(recipe, "seed");
    for (const io::Json& entry : io::get<std::vector<io::Json>>(recipe, "tensors")) {
        const auto name = io::get<std::string>(entry, "name");
        const auto shape = io::get<Shape>(entry, "shape");
        if (entry.contains("values")) {
            checkpoint.add(name, literal(entry, name, shape));
            continue;
        }
        const auto mean = io::get<double>(entry, "mean"), std = io::get<double>(entry, "std");
        checkpoint.add(name, shape, [=] {
            Tensor weights(shape);
            random::procgen_fill(name, seed, mean, std, weights.values());
            return weights;
        });
    }
}

}  // namespace ldm::nn
