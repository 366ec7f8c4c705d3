#include "chapters/03_clip/verify.h"

#include <fmt/format.h>

#include "chapters/03_clip/clip_model.h"
#include "chapters/03_clip/contrastive_loss.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::clip {
namespace {

void clip_tokenizer(verify::Run& run) {
    io::expect_only_keys(run.config(), {"max_length", "merges", "texts"}, "CLIPTokenizer");
    std::vector<text::Merge> merges;
    for (const auto& pair :
         io::get<std::vector<std::vector<std::string>>>(run.config(), "merges")) {
        expect(pair.size() == 2, "a merge that is not a pair");
        merges.emplace_back(pair[0], pair[1]);
    }
    const text::ClipTokenizer tokenizer(merges);
    const int length = io::get<int>(run.config(), "max_length");
    const auto texts = io::get<std::vector<std::string>>(run.config(), "texts");

    std::vector<std::int32_t> ids, mask;
    for (const std::string& text : texts) {
        const auto encoded = tokenizer.encode(text, length);
        ids.insert(ids.end(), encoded.input_ids.begin(), encoded.input_ids.end());
        mask.insert(mask.end(), encoded.attention_mask.begin(), encoded.attention_mask.end());
    }
    const Shape shape{static_cast<std::int64_t>(texts.size()), length};
    run.out("input_ids", Tensor::ints(shape, ids));
    run.out("attention_mask", Tensor::ints(shape, mask));
}

void clip_text_model(verify::Run& run) {
    const TextEncoder encode(run.params(), TextEncoder::Config::from_json(run.config()));
    const Tensor ids = run.in("input_ids");
    const Tensor y = encode(ids);
    run.out("last_hidden_state", y);
    run.out("pooler_output", encode.pool(y, ids));
    const std::vector<Tensor> hidden = encode.hidden_states(ids);
    for (std::size_t i = 0; i < hidden.size(); ++i) run.out(fmt::format("hidden_{}", i), hidden[i]);
}

void clip_model(verify::Run& run) {
    const ClipModel model(run.params(), ClipModel::Config::from_json(run.config()));
    const Tensor text = model.text_features(run.in("input_ids"));
    const Tensor patches = model.image()(run.in("pixel_values"));
    const Tensor image = model.image_features(patches);
    const Tensor per_text = model.logits_per_text(text, image);
    const Tensor per_image = ops::permute(per_text, {1, 0});

    run.out("text_embeds", ops::normalize(text));
    run.out("image_embeds", ops::normalize(image));
    run.out("vision_last_hidden_state", patches);
    run.out("vision_pooler_output", image);
    run.out("logits_per_text", per_text);
    run.out("logits_per_image", per_image);
    run.out("zero_shot_probs", zero_shot(per_image));
    run.out("loss", contrastive_loss(per_text));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["CLIPTokenizer"] = clip_tokenizer;
    registry["CLIPTextModel"] = verify::in_16_bits_too(clip_text_model);
    registry["CLIPModel"] = clip_model;
}

}  // namespace ldm::clip
