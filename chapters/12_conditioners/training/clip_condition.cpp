#include "chapters/12_conditioners/training/clip_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/12_conditioners/retrieval/exact_search.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

using train::ConditionSources;

constexpr int most_neighbours = 64;
/// pictures or texts at once
constexpr std::int64_t at_once = 64;

/// The vectors of all pictures of a data set, of length 1.
struct Embeddings {
    /// [P, D] each
    Tensor of_captions, of_pictures;
    /// the nearest other pictures [P, k] int32
    Tensor neighbours;
};

Embeddings embed(const clip::FeatureExtractor& clip, const train::PictureFolder& pictures, int k) {
    std::vector<Tensor> texts, images;
    for (std::int64_t begin = 0; begin < pictures.size(); begin += at_once) {
        std::vector<std::string> captions;
        std::vector<image::Image> some;
        for (std::int64_t i = begin; i < std::min(begin + at_once, pictures.size()); ++i) {
            captions.push_back(pictures.file(i).caption);
            some.push_back(*pictures.load(i).picture);
        }
        texts.push_back(ops::normalize(clip.text_features(captions)));
        images.push_back(ops::normalize(clip.image_features(some)));
    }
    Embeddings result{ops::concat(texts, 0), ops::concat(images, 0), {}};
    // one more than are wanted, for each is the nearest of itself
    const Tensor found = nearest_neighbours(result.of_pictures, result.of_pictures, k + 1).ids;
    std::vector<std::int32_t> others;
    for (std::int64_t i = 0; i < pictures.size(); ++i) {
        const std::span<const std::int32_t> row(found.ints() + i * (k + 1), k + 1);
        int taken = 0;
        for (const std::int32_t other : row)
            if (other != i && taken++ < k) others.push_back(other);
    }
    result.neighbours = Tensor::ints({pictures.size(), k}, others);
    return result;
}

class ClipCondition : public train::TrainingCondition {
public:
    explicit ClipCondition(const ConditionSources& from)
        : k_nn_(io::get_in_or(from.condition.params, "k_nn", 1, most_neighbours, 4)),
          ucg_rate_(io::get_or(from.condition.params, "ucg_rate", 0.1)),
          device_(from.device) {
        io::expect_only_keys(from.condition.params, {"k_nn", "ucg_rate"}, "clip_embedding");
        if (!from.pictures) return;
        if (from.pictures->size() <= k_nn_)
            throw Error(fmt::format("'k_nn' is {}, but the data set has {} pictures only", k_nn_,
                                    from.pictures->size()));
        embeddings_ = embed(clip::FeatureExtractor(from.model.path()), *from.pictures, k_nn_);
    }

    //! [told]
    Tensor prepare(const train::Batch& batch, random::TorchGenerator& random) const override {
        const auto n = std::ssize(batch.files);
        std::array<float, 3> lots{};
        random.uniform(lots);
        const Tensor files =
            Tensor::ints({n}, std::vector<std::int32_t>(batch.files.begin(), batch.files.end()));
        Tensor tokens;  // [N, M, D]
        if (lots[0] < 1.0f / 3) {
            tokens = chosen(embeddings_.of_captions, files, 1);
        } else if (lots[0] < 2.0f / 3) {
            tokens = chosen(embeddings_.of_pictures, files, 1);
        } else {
            const auto m =
                1 + std::min<std::int64_t>(static_cast<std::int64_t>(lots[1] * k_nn_), k_nn_ - 1);
            std::vector<std::int32_t> ids;
            for (const std::int64_t file : batch.files)
                for (std::int64_t j = 0; j < m; ++j)
                    ids.push_back(embeddings_.neighbours.ints()[file * k_nn_ + j]);
            tokens = chosen(embeddings_.of_pictures, Tensor::ints({n * m}, ids), m);
            if (lots[2] < 0.5f)
                tokens = ops::concat({chosen(embeddings_.of_captions, files, 1), tokens}, 1);
        }
        return ops::to(tokens * kept(n, random), device_);
    }
    //! [told]

    Tensor unconditional(const Tensor& prepared) const override { return 0.0f * prepared; }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        given.crossattn.push_back(prepared);
    }

private:
    /// Rows [n m] of a table [P, D] -> [n, m, D].
    static Tensor chosen(const Tensor& table, const Tensor& rows, std::int64_t m) {
        const Tensor found = ops::embedding(rows, table);
        return found.reshape({found.dim(0) / m, m, found.dim(1)});
    }

    /// 0 for what is left out, else 1: [n, 1, 1].
    Tensor kept(std::int64_t n, random::TorchGenerator& random) const {
        std::vector<float> lots(static_cast<std::size_t>(n));
        random.uniform(lots);
        for (float& lot : lots) lot = lot < ucg_rate_ ? 0.0f : 1.0f;
        return Tensor::from({n, 1, 1}, lots);
    }

    int k_nn_;
    double ucg_rate_;
    Device device_;
    Embeddings embeddings_;
};

}  // namespace

train::ConditionKinds clip_condition() {
    return {{"clip_embedding", [](const ConditionSources& from) {
                 return std::make_unique<const ClipCondition>(from);
             }}};
}

}  // namespace ldm::conditioners
