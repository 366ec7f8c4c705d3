#pragma once

#include <cstdint>
#include <vector>

#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/prompt/contexts.h"

namespace ldm::pipeline {

/// Guidance by the prompts of N pictures, each of which may be composed of several and may change
/// from step to step. Pictures are predicted together where their contexts have one length and are
/// equally many, so that a picture's numbers do not depend on the others of its batch. A picture of
/// one prompt of weight 1 needs no negative one at scale 1 (with_guidance). Without contexts the
/// network is asked as it is.
class PromptGuidance {
public:
    PromptGuidance(ConditionedModel model, std::vector<PictureContexts> pictures, float scale,
                   const Guide& guide = guided);

    /// Whether contexts() differ from step to step.
    [[nodiscard]] bool changes() const;

    /// What the network is given when `steps_done` steps are done: always of the same shapes.
    [[nodiscard]] std::vector<Tensor> contexts(int steps_done);

    /// x [N, C, h, w], t [N], what contexts() gave -> the guided prediction [N, C, h, w]. Depends
    /// on its arguments alone.
    [[nodiscard]] Tensor operator()(const Tensor& x, const Tensor& t,
                                    const std::vector<Tensor>& contexts) const;

private:
    /// Pictures that are predicted together.
    struct Group {
        std::vector<std::int64_t> pictures;
        ConditionedModel predict;
        // in the order of the batch
        std::vector<ContextSchedule> rows;
        // which of its contexts each row is given in `joined`
        std::vector<std::size_t> chosen = {};
        Tensor joined = {};
    };

    static const Tensor& joined(Group& group, int steps_done);

    std::vector<Group> groups_;
    std::int64_t count_;
};

}  // namespace ldm::pipeline
