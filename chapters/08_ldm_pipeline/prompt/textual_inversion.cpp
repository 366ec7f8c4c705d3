#include "chapters/08_ldm_pipeline/prompt/textual_inversion.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/io/tensor_file.h"
#include "common/io/utf8.h"

namespace ldm::pipeline {
namespace {

/// The tensor with the vectors, and the word if it is called like that.
struct Found {
    const io::TensorEntry* entry = nullptr;
    std::string name;
};

Found vectors_of(const io::TensorFile& file) {
    const std::string stem = file.path().stem().string();
    if (file.contains("clip_g"))
        throw Error(fmt::format("{}: its vectors are for SDXL's two text encoders (clip_g)",
                                file.path().string()));
    for (const char* key : {"emb_params", "clip_l"})
        if (const io::TensorEntry* entry = file.find(key)) return {entry, stem};
    // A1111's and the paper's .pt: {"string_to_param": {"*": vectors}, …}; the paper's has the
    // number of the token it replaces as a tensor, too
    const auto is_vectors = [](const io::TensorEntry& entry) {
        return entry.name.starts_with("string_to_param.");
    };
    if (std::ranges::count_if(file.entries(), is_vectors) == 1)
        return {&*std::ranges::find_if(file.entries(), is_vectors), stem};
    if (file.entries().size() != 1)
        throw Error(
            fmt::format("{} is no embedding of one word: there are {} tensors in it and "
                        "none is called 'emb_params'",
                        file.path().string(), file.entries().size()));
    return {&file.entries().front(), file.entries().front().name};
}

bool is_floating(io::DType dtype) {
    return dtype == io::DType::f32 || dtype == io::DType::f16 || dtype == io::DType::bf16 ||
           dtype == io::DType::f64;
}

}  // namespace

TextualInversion read_textual_inversion(const std::filesystem::path& path) {
    const io::TensorFile file = io::open_tensor_file(path);
    const auto [entry, name] = vectors_of(file);
    const auto refuse = [&](const std::string& why) {
        throw Error(fmt::format("{}: '{}' {}", path.string(), text::printable(entry->name), why));
    };
    const std::size_t rank = entry->shape.size();
    if (rank < 1 || rank > 2 || entry->count() == 0 || !is_floating(entry->dtype))
        refuse("is no list of vectors, but " + io::shape_text(entry->shape));
    if (io::count_not_finite(*entry) > 0) refuse("has numbers that are not finite");
    const std::int64_t width = entry->shape.back();
    const std::int64_t count = rank == 1 ? 1 : entry->shape[0];
    return {name, Tensor::from({count, width}, io::read_floats(*entry))};
}

void expect_width(const TextualInversion& embedding, std::int64_t width) {
    if (embedding.vectors.dim(1) == width) return;
    throw Error(fmt::format(
        "the embedding '{}' has vectors of width {}, and the text encoder of this model one of {}: "
        "it belongs to another kind of model",
        text::printable(embedding.name), embedding.vectors.dim(1), width));
}

EmbeddingNames::EmbeddingNames(const text::Tokenizer& tokenizer,
                               std::span<const TextualInversion> embeddings) {
    for (std::size_t i = 0; i < embeddings.size(); ++i) {
        std::vector<std::int32_t> tokens = tokenizer.tokenize(embeddings[i].name);
        if (tokens.empty())
            throw Error(fmt::format("an embedding cannot be called '{}': a prompt cannot say that",
                                    text::printable(embeddings[i].name)));
        names_[tokens.front()].push_back({std::move(tokens), i});
    }
    for (auto& [first, names] : names_)
        std::ranges::sort(names, [](const Name& a, const Name& b) {
            return std::pair(b.tokens.size(), a.embedding) <
                   std::pair(a.tokens.size(), b.embedding);
        });
}

std::optional<EmbeddingNames::Match> EmbeddingNames::at_front(
    std::span<const std::int32_t> tokens) const {
    const auto found = names_.find(tokens.empty() ? -1 : tokens.front());
    if (found == names_.end()) return {};
    for (const Name& name : found->second)
        if (name.tokens.size() <= tokens.size() &&
            std::ranges::equal(name.tokens, tokens.first(name.tokens.size())))
            return Match{name.embedding, name.tokens.size()};
    return {};
}

}  // namespace ldm::pipeline
