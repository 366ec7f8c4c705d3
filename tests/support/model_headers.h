#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chapters/03_clip/text_encoder.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/model_spec.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/tensor_entry.h"
#include "common/nn/params.h"

/// Models of full size, of which only the header is written: what the names and shapes in a file
/// say needs no weights.

namespace ldm::test {

struct Stored {
    Shape shape;
    io::DType dtype = io::DType::f16;
    /// float32, of the few tensors that are more than a header; empty: zeros
    std::vector<float> values = {};
};
using Tensors = std::map<std::string, Stored>;

/// A safetensors file whose data is a hole, but for the values that are given.
inline void write_header(const std::filesystem::path& path, const Tensors& tensors) {
    io::Json header = io::Json::object();
    std::uintmax_t end = 0;
    for (const auto& [name, stored] : tensors) {
        const std::uintmax_t begin = end;
        end += static_cast<std::uintmax_t>(element_count(stored.shape)) * io::size_of(stored.dtype);
        header[name] = {{"dtype", io::name_of(stored.dtype)},
                        {"shape", stored.shape},
                        {"data_offsets", {begin, end}}};
    }
    const std::string text = header.dump();
    std::string length(8, '\0');
    for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
    io::write_text_file(path, length + text);
    std::filesystem::resize_file(path, 8 + text.size() + end);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (const auto& [name, stored] : tensors) {
        if (stored.values.empty()) continue;
        const auto begin = header[name]["data_offsets"][0].get<std::uintmax_t>();
        file.seekp(static_cast<std::streamoff>(8 + text.size() + begin));
        file.write(reinterpret_cast<const char*>(stored.values.data()),
                   static_cast<std::streamsize>(stored.values.size() * sizeof(float)));
    }
}

inline void write_header(const std::filesystem::path& path,
                         const std::map<std::string, Shape>& shapes) {
    Tensors tensors;
    for (const auto& [name, shape] : shapes) tensors[name] = {shape};
    write_header(path, tensors);
}

/// Everything that a model with these settings asks for, by CompVis's names; of what encodes its
/// condition only CLIP.
inline Tensors tensors_of(const io::Json& config) {
    const pipeline::ModelSpec spec = pipeline::spec_from_settings(config, pipeline::sd1);
    Tensors tensors;
    nn::Checkpoint asked;
    asked.add_fallback([&](const std::string& name, const Shape& shape) {
        tensors[name] = {shape};
        return Tensor::borrow(shape, nullptr, std::make_shared<int>());
    });
    const unet::DiffusionWrapper unet(asked.root() / "model", spec.unet, spec.conditioning);
    const nn::Params first_stage = asked.root() / "first_stage_model";
    const pipeline::FirstStageEncoder encoder(first_stage, spec.first_stage, spec.scale_factor);
    const pipeline::FirstStageDecoder decoder(first_stage, spec.first_stage, spec.scale_factor);
    if (spec.text_tower && spec.text_tower->kind == "FrozenCLIPEmbedder")
        const clip::TextEncoder text(
            asked.root() / "cond_stage_model" / "transformer",
            clip::TextEncoder::Config::from_json(spec.text_tower->settings));
    return tensors;
}

inline const Tensors& of_sd1() {
    static const Tensors tensors = tensors_of(pipeline::sd1_settings());
    return tensors;
}

inline const Tensors& of_sd2() {
    static const Tensors tensors = tensors_of(pipeline::sd2_settings());
    return tensors;
}

/// With another part in place of the first such one.
inline std::string replaced(std::string name, const std::string& part, const std::string& other) {
    if (const auto at = name.find(part); at != name.npos) name.replace(at, part.size(), other);
    return name;
}

/// Stable Diffusion 2.x as its files have it: the text tower by OpenCLIP's names, with the last
/// layer and the projection that nobody uses.
inline Tensors with_open_clip(const Tensors& tensors) {
    const std::string ours = "cond_stage_model.transformer.text_model.",
                      theirs = "cond_stage_model.model.";
    Tensors result;
    for (const auto& [name, stored] : tensors) {
        std::string other = name;
        if (other.starts_with(ours)) {
            other = theirs + other.substr(ours.size());
            for (const auto& [a, b] :
                 {std::pair{"embeddings.position_embedding.weight", "positional_embedding"},
                  {"embeddings.token_embedding", "token_embedding"},
                  {"final_layer_norm", "ln_final"},
                  {"encoder.layers", "transformer.resblocks"},
                  {"layer_norm1", "ln_1"},
                  {"layer_norm2", "ln_2"},
                  {"self_attn", "attn"},
                  {"mlp.fc1", "mlp.c_fc"},
                  {"mlp.fc2", "mlp.c_proj"},
                  {"q_proj.", "in_proj_"}})
                other = replaced(other, a, b);
            if (other.find("k_proj.") != other.npos || other.find("v_proj.") != other.npos)
                continue;
        }
        result[other] = stored;
        if (other.find("in_proj_") != other.npos) result[other].shape[0] *= 3;
    }
    const std::string last = theirs + "transformer.resblocks.23.", first = "resblocks.0.";
    for (const auto& [name, stored] : Tensors(result))
        if (const auto at = name.find(first); at != name.npos && name.starts_with(theirs))
            result[last + name.substr(at + first.size())] = stored;
    result[theirs + "text_projection"] = {{1024, 1024}};
    result[theirs + "logit_scale"] = {{}};
    return result;
}

}  // namespace ldm::test
