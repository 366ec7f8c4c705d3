#include "chapters/12_conditioners/retrieval/embed_pictures.h"

#include <fmt/format.h>

#include <optional>

#include "common/error.h"
#include "common/io/utf8.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/report/progress.h"

namespace ldm::conditioners {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t pictures_at_once = 32;

std::optional<image::Image> read_picture(const fs::path& path) {
    try {
        return image::load_image(path);
    } catch (const Error& error) {
        report::message(fmt::format("left out: {}", error.what()));
        return {};
    }
}

}  // namespace

RetrievalIndex::Pool embed_pictures(const fs::path& data, train::Captions captions,
                                    const fs::path& model_folder, Device device) {
    const auto files = train::list_pictures(data, captions);
    for (const train::PictureFile& file : files)
        if (!text::is_valid_utf8(file.path.string()))
            throw Error(fmt::format("{}: a name that is no UTF-8 cannot be in an index",
                                    text::printable(file.path.string())));
    const clip::FeatureExtractor extractor(model_folder, device);
    RetrievalIndex::Pool pool{.pictures = fs::weakly_canonical(data),
                              .model = clip_identity(model_folder)};

    std::vector<Tensor> embeddings;
    report::Progress progress("looking at pictures", std::ssize(files));
    for (std::size_t first = 0; first < files.size(); first += pictures_at_once) {
        const std::size_t last = std::min(first + pictures_at_once, files.size());
        std::vector<image::Image> pictures;
        for (std::size_t i = first; i < last; ++i) {
            std::optional<image::Image> picture = read_picture(files[i].path);
            if (!picture) continue;
            pictures.push_back(std::move(*picture));
            pool.entries.push_back({.file_name = files[i].path.lexically_relative(data).string(),
                                    .caption = files[i].caption});
        }
        if (!pictures.empty())
            embeddings.push_back(ops::to(extractor.image_features(pictures), Device::cpu));
        progress.step(static_cast<std::int64_t>(last - first));
    }
    if (embeddings.empty())
        throw Error(
            fmt::format("{}: none of {} pictures can be read", data.string(), files.size()));
    pool.embeddings = ops::concat(embeddings, 0);
    return pool;
}

}  // namespace ldm::conditioners
