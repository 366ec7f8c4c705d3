#include "chapters/12_conditioners/training/class_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "chapters/12_conditioners/class_embedder.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

using train::ConditionSources;

constexpr int most_classes = 1 << 20, widest = 1 << 16;

/// The label of each picture of the data set.
std::vector<std::int32_t> labels_of(const train::PictureFolder& pictures,
                                    const std::vector<std::string>& names) {
    std::vector<std::int32_t> labels;
    for (std::int64_t i = 0; i < pictures.size(); ++i) {
        const auto found = std::ranges::find(names, pictures.file(i).class_label);
        if (found == names.end())
            throw Error(fmt::format("{}: its class is '{}', which the model does not know",
                                    pictures.file(i).path.string(), pictures.file(i).class_label));
        labels.push_back(static_cast<std::int32_t>(found - names.begin()));
    }
    return labels;
}

class ClassCondition : public train::TrainingCondition {
public:
    explicit ClassCondition(const ConditionSources& from)
        : ucg_rate_(io::get_or(from.condition.params, "ucg_rate", 0.1)), device_(from.device) {
        const auto& params = from.condition.params;
        const bool is_token = from.condition.target == "ClassEmbedder";
        if (!is_token && !from.condition.target.empty())
            throw Error(fmt::format("class labels are encoded by '{}', expected ClassEmbedder",
                                    from.condition.target));
        if (is_token)
            io::expect_only_keys(params, {"n_classes", "embed_dim", "key", "ucg_rate"},
                                 "ClassEmbedder");
        else
            io::expect_only_keys(params, {"ucg_rate"}, "class_label");
        if (!(ucg_rate_ >= 0.0 && ucg_rate_ <= 1.0))
            throw Error(fmt::format("'ucg_rate' is {}, expected 0 to 1", ucg_rate_));
        n_classes_ = is_token ? io::get_in(params, "n_classes", 1, most_classes)
                              : io::get_in(io::get<io::Json>(from.config, "unet_config"),
                                           "num_classes", 1, most_classes);
        if (is_token)
            embedder_.emplace(from.weights, n_classes_, io::get_in(params, "embed_dim", 1, widest));
        if (from.pictures) {
            const auto names = io::get<std::vector<std::string>>(from.config, "class_names");
            const int needed = static_cast<int>(names.size()) + (ucg_rate_ > 0 ? 1 : 0);
            if (n_classes_ < needed)
                throw Error(fmt::format(
                    "the model has {} classes, but the data set {}{}: set \"{}\" to {}", n_classes_,
                    names.size(),
                    ucg_rate_ > 0 ? ", and one more stands for a class that is left out" : "",
                    is_token ? "n_classes" : "num_classes", needed));
            labels_ = labels_of(*from.pictures, names);
        }
    }

    Tensor prepare(const train::Batch& batch, random::TorchGenerator& random) const override {
        const std::size_t n = batch.files.size();
        std::vector<float> lots(n);
        random.uniform(lots);
        std::vector<std::int32_t> labels;
        for (std::size_t i = 0; i < n; ++i)
            labels.push_back(lots[i] < ucg_rate_ ? n_classes_ - 1 : labels_.at(batch.files[i]));
        return ops::to(Tensor::ints({std::ssize(labels)}, labels), device_);
    }

    Tensor unconditional(const Tensor& prepared) const override {
        const std::vector<std::int32_t> labels(static_cast<std::size_t>(prepared.dim(0)),
                                               n_classes_ - 1);
        return ops::to(Tensor::ints(prepared.shape(), labels), device_);
    }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        if (embedder_)
            given.crossattn.push_back((*embedder_)(prepared));  // [N, 1, D]
        else
            given.y = prepared;
    }

    bool is_trained() const override { return true; }

private:
    double ucg_rate_;
    Device device_;
    int n_classes_ = 0;
    std::optional<ClassEmbedder> embedder_;
    std::vector<std::int32_t> labels_;
};

}  // namespace

train::ConditionKinds class_condition() {
    return {{"class_label", [](const ConditionSources& from) {
                 return std::make_unique<const ClassCondition>(from);
             }}};
}

}  // namespace ldm::conditioners
