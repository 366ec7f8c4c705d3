#include "chapters/12_conditioners/verify.h"

#include "chapters/12_conditioners/bert_embedder.h"
#include "chapters/12_conditioners/class_embedder.h"
#include "chapters/12_conditioners/clip_image_embedder.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "chapters/12_conditioners/retrieval/exact_search.h"
#include "chapters/12_conditioners/spatial_rescaler.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/text/bert_tokenizer.h"

namespace ldm::conditioners {
namespace {

using io::Json;

void transformer_wrapper(verify::Run& run) {
    const TransformerWrapper transformer(run.params(), TransformerConfig::from_json(run.config()));
    const Tensor emb =
        transformer.encode({.token_embeddings = transformer.token_embeddings(run.in("tokens")),
                            .mask = run.find_in("mask"),
                            .context = run.find_in("context"),
                            .context_mask = run.find_in("context_mask")});
    run.out("emb", emb);
    run.out("logits", transformer.logits(emb));
}

void bert_embedder(verify::Run& run) {
    const auto config = BERTEmbedder::Config::from_json(run.config());
    const BERTEmbedder embedder(run.params(), config);
    // it is there, and has no say
    const nn::Linear unused(run.params() / "transformer" / "to_logits", config.n_embed,
                            config.vocab_size);
    run.out("z", embedder(run.in("tokens")));
}

void bert_tokenizer(verify::Run& run) {
    io::expect_only_keys(run.config(), {"max_length", "vocab", "texts"}, "BERTTokenizer");
    const text::BertTokenizer tokenizer(io::get<std::vector<std::string>>(run.config(), "vocab"));
    const int length = io::get_in(run.config(), "max_length", 2, 1 << 16);
    const auto texts = io::get<std::vector<std::string>>(run.config(), "texts");
    std::vector<std::int32_t> ids;
    for (const std::string& text : texts) {
        const auto more = tokenizer.encode(text, length).input_ids;
        ids.insert(ids.end(), more.begin(), more.end());
    }
    run.out("input_ids", Tensor::ints({std::ssize(texts), length}, ids));
}

void class_embedder(verify::Run& run) {
    io::expect_only_keys(run.config(), {"embed_dim", "n_classes", "key"}, "ClassEmbedder");
    const ClassEmbedder embedder(run.params(),
                                 io::get_in_or(run.config(), "n_classes", 1, 1 << 20, 1000),
                                 io::get_in(run.config(), "embed_dim", 1, 1 << 16));
    run.out("c", embedder(run.in("y")));
}

void spatial_rescaler(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "SpatialRescaler");
    const auto parts = io::get<Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        const SpatialRescaler rescaler(run.params() / name,
                                       SpatialRescaler::Config::from_json(part));
        run.out(name, rescaler(run.in("x")));
    }
}

/// Of a large result every `stride`th pixel, one row, and the mean.
void clip_preprocess(verify::Run& run) {
    io::expect_only_keys(run.config(), {"stride", "row"}, "FrozenClipImageEmbedder");
    const std::int64_t stride = io::get_in(run.config(), "stride", 1, 224),
                       row = io::get_in(run.config(), "row", 0, 223);
    const Tensor y = preprocess_for_clip(run.in("x"));
    const auto [n, channels, height, width] = y.dims<4>();
    std::vector<Tensor> rows;
    for (std::int64_t i = 0; i < height; i += stride) {
        std::vector<Tensor> pixels;
        const Tensor one = ops::slice(y, 2, i, i + 1);
        for (std::int64_t j = 0; j < width; j += stride)
            pixels.push_back(ops::slice(one, 3, j, j + 1));
        rows.push_back(ops::concat(pixels, 3));
    }
    run.out("strided", ops::concat(rows, 2));
    run.out("row", ops::slice(y, 2, row, row + 1).reshape({n, channels, width}));
    run.out("mean", ops::mean(y));
}

void attention_pool(verify::Run& run) {
    io::expect_only_keys(run.config(),
                         {"spacial_dim", "embed_dim", "num_heads_channels", "output_dim"},
                         "AttentionPool2d");
    const int width = io::get_in(run.config(), "embed_dim", 1, 1 << 14);
    const AttentionPool2d pool(
        run.params(),
        {.spacial_dim = io::get_in(run.config(), "spacial_dim", 1, 1 << 10),
         .embed_dim = width,
         .num_heads_channels = io::get_in(run.config(), "num_heads_channels", 1, width),
         .output_dim = io::get_in_or(run.config(), "output_dim", 1, 1 << 14, width)});
    run.out("out", pool(run.in("x")));
}

void encoder_unet(verify::Run& run) {
    const EncoderUNetModel model(run.params(), EncoderUNetModel::Config::from_json(run.config()));
    run.out("out", model(run.in("x"), run.in("t")));
}

void knn_search(verify::Run& run) {
    io::expect_only_keys(run.config(), {"k"}, "KnnSearch");
    const Neighbours found =
        nearest_neighbours(run.in("db"), run.in("q"), io::get_in(run.config(), "k", 1, 1 << 20));
    run.out("ids", found.ids);
    run.out("nn_embeddings", found.embeddings);
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["TransformerWrapper"] = transformer_wrapper;
    registry["BERTEmbedder"] = bert_embedder;
    registry["TransformerEmbedder"] = bert_embedder;
    registry["BERTTokenizer"] = bert_tokenizer;
    registry["ClassEmbedder"] = class_embedder;
    registry["SpatialRescaler"] = spatial_rescaler;
    registry["FrozenClipImageEmbedder"] = clip_preprocess;
    registry["AttentionPool2d"] = attention_pool;
    registry["EncoderUNetModel"] = encoder_unet;
    registry["KnnSearch"] = knn_search;
}

}  // namespace ldm::conditioners
