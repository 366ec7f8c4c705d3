#pragma once

#include <string>
#include <utility>

#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "tests/support/program.h"

/// Pictures, settings and base models that a training takes seconds with.

namespace ldm::test {

inline constexpr std::pair<const char*, image::Color> small_classes[] = {
    {"blue", {30, 60, 220}}, {"green", {30, 160, 40}}, {"red", {220, 30, 30}}};

/// Nine pictures of 16 x 16, three of each class: a coloured square on white, in three places.
inline void write_classes(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::string lines;
    for (const auto& [name, color] : small_classes)
        for (int place = 0; place < 3; ++place) {
            image::Image picture(16, 16);
            for (int y = 2 * place; y < 2 * place + 8; ++y)
                for (int x = 3 * place; x < 3 * place + 8; ++x) picture.set(x, y, color);
            const std::string file = name + std::to_string(place) + ".png";
            image::save_png(folder / file, picture);
            lines += io::Json{{"file_name", file},
                              {"text", std::string(name) + " square " + std::to_string(place)},
                              {"class_label", name}}
                         .dump() +
                     "\n";
        }
    io::write_text_file(folder / "metadata.jsonl", lines);
}

/// Keys of `json`, with those of `more` on top.
inline io::Json with(io::Json json, const io::Json& more) {
    json.update(more);
    return json;
}

/// What every training has.
inline io::Json small_training(int steps = 2) {
    return {{"steps", steps},
            {"batch_size", 3},
            {"learning_rate", 1e-3},
            {"data", {{"size", 16}, {"caption_dropout", 0.2}}},
            {"ema_decay", 0.5}};
}

inline io::Json small_autoencoder(bool with_codebook) {
    io::Json json = small_training(1);
    const int z = with_codebook ? 3 : 4;
    json["first_stage_config"] = {{"embed_dim", z},
                                  {"ddconfig",
                                   {{"double_z", !with_codebook},
                                    {"z_channels", z},
                                    {"resolution", 16},
                                    {"in_channels", 3},
                                    {"out_ch", 3},
                                    {"ch", 32},
                                    {"ch_mult", {1, 2}},
                                    {"num_res_blocks", 1},
                                    {"attn_type", "none"},
                                    {"attn_resolutions", io::Json::array()}}}};
    if (with_codebook) json["first_stage_config"]["n_embed"] = 16;
    json["loss"] = {{"perceptual_weight", 0}, {"disc_start", 1}, {"disc_num_layers", 1}};
    return json;
}

inline io::Json small_clip() {
    const io::Json tower = {{"hidden_size", 32},
                            {"intermediate_size", 64},
                            {"num_hidden_layers", 1},
                            {"num_attention_heads", 2},
                            {"hidden_act", "quick_gelu"}};
    // 256 bytes, 256 that end a word, 5 merges, start and end
    constexpr int vocabulary = 256 + 256 + 5 + 2;
    return with(small_training(1),
                {{"vocabulary", 5},
                 {"cond_stage_config",
                  {{"projection_dim", 32},
                   {"text_config", with(tower, {{"vocab_size", vocabulary},
                                                {"max_position_embeddings", 16},
                                                {"bos_token_id", vocabulary - 2},
                                                {"eos_token_id", vocabulary - 1}})},
                   {"vision_config", with(tower, {{"image_size", 16}, {"patch_size", 4}})}}}});
}

/// A UNet for latents of 8 x 8.
inline io::Json small_unet(int in_channels, int out_channels, const io::Json& more = {}) {
    io::Json unet = {{"image_size", 8},
                     {"in_channels", in_channels},
                     {"out_channels", out_channels},
                     {"model_channels", 32},
                     {"num_res_blocks", 1},
                     {"attention_resolutions", {2}},
                     {"channel_mult", {1, 1}},
                     {"num_heads", 2}};
    if (!more.is_null()) unet.update(more);
    return unet;
}

/// The same with cross-attention to tokens of width 32.
inline io::Json with_tokens() {
    return {{"use_spatial_transformer", true},
            {"transformer_depth", 1},
            {"context_dim", 32},
            {"legacy", false}};
}

/// A data set, and models to begin with.
struct Workshop {
    Folder folder;
    std::string data = folder / "data";

    Workshop() { write_classes(data); }

    /// `ldm train kind`; its model is `name`/model.
    Outcome train(const std::string& kind, const io::Json& json, const std::string& name,
                  const std::string& more = "") const {
        io::write_json(folder / (name + ".json"), json);
        return run("train " + kind + " --config " + folder / (name + ".json") + " --data " + data +
                   " --output " + folder / name + " --threads 1 " + more);
    }

    /// The folder of a model that the training must have written.
    std::string trained(const std::string& kind, const io::Json& json, const std::string& name,
                        const std::string& more = "") const {
        const Outcome outcome = train(kind, json, name, more);
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return folder / (name + "/model");
    }

    /// An autoencoder, KL or VQ, and CLIP.
    std::string base(bool with_codebook) const {
        const std::string autoencoder =
            trained("autoencoder", small_autoencoder(with_codebook), "autoencoder");
        return trained("clip", small_clip(), "clip", "--init " + autoencoder);
    }
};

}  // namespace ldm::test
