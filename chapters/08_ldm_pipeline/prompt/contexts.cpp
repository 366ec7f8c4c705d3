#include "chapters/08_ldm_pipeline/prompt/contexts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

/// What the text encoder sees of a chunk.
using Read = std::pair<std::vector<std::int32_t>, std::vector<Chunk::Insertion>>;

Read read_of(const Chunk& chunk) { return {chunk.ids, chunk.insertions}; }

template <class Use>
void for_each_schedule(const PromptPlan& plan, const Use& use) {
    for (const PicturePlan& picture : plan.pictures) {
        for (const PicturePlan::Part& part : picture.parts) use(part.texts);
        use(picture.negative);
    }
}

/// Vectors of embeddings in one text's token embeddings [1, S, D].
Tensor with_insertions(const Tensor& row, const std::vector<Chunk::Insertion>& insertions,
                       const std::vector<TextualInversion>& embeddings) {
    std::vector<Tensor> parts;
    std::int64_t done = 0;
    for (const auto& [position, embedding] : insertions) {
        const Tensor& vectors = embeddings[embedding].vectors;  // [n, D]
        parts.push_back(ops::slice(row, 1, done, position));
        parts.push_back(
            ops::to(ops::to(vectors.reshape({1, vectors.dim(0), vectors.dim(1)}), row.device()),
                    row.dtype()));
        done = position + vectors.dim(0);
    }
    parts.push_back(ops::slice(row, 1, done, row.dim(1)));
    return ops::concat(parts, 1);
}

/// Reads chunks, each once.
class ChunkReader {
public:
    ChunkReader(const PromptPlan& plan, const PromptEncoder& encoder) {
        for_each_schedule(plan, [&](const TextSchedule& schedule) {
            for (const auto& chunks : schedule.texts)
                for (const Chunk& chunk : chunks) rows_.emplace(read_of(chunk), Tensor());
        });
        // a few at once: as a batch of pictures has, and no more memory for long prompts
        constexpr std::size_t most_at_once = 16;
        std::vector<Rows::iterator> batch;
        for (auto row = rows_.begin(); row != rows_.end(); ++row) {
            batch.push_back(row);
            if (batch.size() == most_at_once || std::next(row) == rows_.end()) {
                read(batch, plan, encoder);
                batch.clear();
            }
        }
    }

    /// [1, S, D]
    const Tensor& operator()(const Chunk& chunk) const { return rows_.at(read_of(chunk)); }

private:
    using Rows = std::map<Read, Tensor>;

    static void read(const std::vector<Rows::iterator>& batch, const PromptPlan& plan,
                     const PromptEncoder& encoder) {
        std::vector<std::int32_t> ids;
        bool has_insertions = false;
        for (const auto& row : batch) {
            const auto& [row_ids, insertions] = row->first;
            ids.insert(ids.end(), row_ids.begin(), row_ids.end());
            has_insertions = has_insertions || !insertions.empty();
        }
        const std::int64_t n = std::ssize(batch);
        Tensor x =
            encoder.token_embeddings(Tensor::ints({n, std::ssize(ids) / n}, ids));  // [n, S, D]
        if (has_insertions) {
            std::vector<Tensor> rows;
            for (std::int64_t i = 0; i < n; ++i)
                rows.push_back(with_insertions(ops::slice(x, 0, i, i + 1), batch[i]->first.second,
                                               plan.embeddings));
            x = ops::concat(rows, 0);
        }
        const Tensor y = encoder.encode(x, plan.clip_skip - 1);
        for (std::int64_t i = 0; i < n; ++i) batch[i]->second = ops::slice(y, 0, i, i + 1);
    }

    Rows rows_;
};

/// Chunk i of all texts of a schedule, with their weights: [1, S, D] each.
std::vector<Tensor> weighted_chunks(const TextSchedule& schedule, std::size_t i,
                                    const std::vector<int>& counts, const ChunkReader& read) {
    std::vector<Tensor> rows;
    std::vector<float> weights;
    bool is_weighted = false;
    for (const auto& chunks : schedule.texts) {
        rows.push_back(read(chunks[i]));
        weights.insert(weights.end(), chunks[i].weights.begin(), chunks[i].weights.end());
        is_weighted = is_weighted || chunks[i].is_weighted();
    }
    if (!is_weighted) return rows;
    const std::int64_t n = std::ssize(rows);
    const Tensor z = ops::concat(rows, 0);  // [B, S, D]
    const Tensor w = ops::to(Tensor::from({n, z.dim(1)}, weights), z.device());
    const Tensor y = with_weights(z, w, counts);
    return ops::chunk(y, static_cast<int>(n), 0);
}

ContextSchedule read_schedule(const TextSchedule& schedule, const ChunkReader& read) {
    std::vector<int> counts(schedule.texts.size(), 0);
    for (const ScheduleEntry& entry : schedule.entries) ++counts[entry.text];
    std::vector<std::vector<Tensor>> contexts(schedule.texts.size());
    for (std::size_t i = 0; i < schedule.texts.front().size(); ++i) {
        const std::vector<Tensor> chunks = weighted_chunks(schedule, i, counts, read);
        for (std::size_t text = 0; text < chunks.size(); ++text)
            contexts[text].push_back(chunks[text]);
    }
    ContextSchedule result{schedule.entries, {}};
    for (const std::vector<Tensor>& chunks : contexts)
        result.contexts.push_back(chunks.size() == 1 ? chunks[0] : ops::concat(chunks, 1));
    return result;
}

}  // namespace

//! [with_weights]
Tensor with_weights(const Tensor& z, const Tensor& weights, const std::vector<int>& counts) {
    const auto [n, length, width] = z.dims<3>();
    expect_shape(weights, {n, length});
    const Tensor x = ops::to(z, DType::f32);
    const Tensor y = x * weights.reshape({n, length, 1});
    const auto mean_of = [&](const Tensor& all) {
        const Tensor means = ops::to(ops::mean_per_sample(all), Device::cpu);  // [B]
        double sum = 0, count = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            sum += counts[i] * static_cast<double>(means.data()[i]);
            count += counts[i];
        }
        return sum / count;
    };
    const auto factor = static_cast<float>(mean_of(x) / mean_of(y));
    if (!std::isfinite(factor))
        throw Error("the weights in the prompt cancel out: use others, closer to 1");
    return ops::to(factor * y, z.dtype());
}
//! [with_weights]

std::vector<PictureContexts> contexts_of(const PromptPlan& plan, const PromptEncoder& encoder) {
    const ChunkReader read(plan, encoder);
    std::vector<PictureContexts> pictures;
    for (const PicturePlan& picture : plan.pictures) {
        PictureContexts& contexts = pictures.emplace_back();
        for (const auto& [texts, weight] : picture.parts)
            contexts.parts.push_back({read_schedule(texts, read), weight});
        contexts.negative = read_schedule(picture.negative, read);
    }
    return pictures;
}

}  // namespace ldm::pipeline
