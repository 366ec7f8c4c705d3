#include "chapters/ldm/batches.h"

#include <algorithm>
#include <utility>

namespace ldm::program {

std::vector<SetBatch> batches_of(const DrawingOptions& options, const DrawingPlan& plan,
                                 const pipeline::ModelSpec& spec, const Embeddings& embeddings) {
    const auto at_once = static_cast<std::size_t>(options.batch_size > 0 ? options.batch_size : 8);
    std::vector<SetBatch> batches;
    for (const PictureSet& set : plan.sets) {
        if (set.pictures.empty()) continue;
        pipeline::Txt2ImgRequest base = request_template(set.command->options(), spec, embeddings);
        if (set.drawing.adjust) set.drawing.adjust(base, spec);
        for (std::size_t first = 0; first < set.pictures.size(); first += at_once) {
            const auto begin = set.pictures.begin() + first;
            const auto end = begin + std::min(at_once, set.pictures.size() - first);
            SetBatch next{&set, {begin, end}, {base, {}}, 0};
            for (const std::size_t index : next.pictures) {
                const PlannedPicture& picture = plan.pictures[index];
                next.batch.request.prompts.push_back(picture.prompt);
                next.batch.request.seeds.push_back(picture.seed);
                next.batch.numbers.push_back(picture.number);
            }
            batches.push_back(std::move(next));
        }
    }
    for (SetBatch& batch : batches) {
        const pipeline::Txt2ImgRequest& request = batch.batch.request;
        batch.set->drawing.expect_possible(request, spec);
        batch.steps = batch.set->drawing.steps ? batch.set->drawing.steps(request, spec)
                                               : step_count(request, spec);
    }
    return batches;
}

std::vector<image::Extent> extents_of(const DrawingPlan& plan, const std::vector<SetBatch>& batches,
                                      const pipeline::ModelSpec& spec) {
    std::vector<image::Extent> extents(plan.pictures.size());
    for (const SetBatch& batch : batches) {
        const pipeline::Txt2ImgRequest& request = batch.batch.request;
        const Drawing& drawing = batch.set->drawing;
        const image::Extent extent = drawing.extent ? drawing.extent(request, spec)
                                                    : image::Extent{request.width, request.height};
        for (const std::size_t picture : batch.pictures) extents[picture] = extent;
    }
    return extents;
}

}  // namespace ldm::program
