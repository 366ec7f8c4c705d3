#pragma once

#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/prompt/prompt_plan.h"

namespace ldm::pipeline {

/// A TextSchedule, read by the text encoder.
struct ContextSchedule {
    std::vector<ScheduleEntry> entries;
    /// one for each of the texts, [1, k S, D]: k chunks of S tokens. What else a picture may be
    /// told (chapter 12) is one entry: tokens [1, M, D], or a class label [1] int32.
    std::vector<Tensor> contexts;
};

/// What the UNet is given for one picture; all is empty for one that is told nothing.
struct PictureContexts {
    struct Part {
        ContextSchedule contexts;
        float weight = 1.0f;
    };
    std::vector<Part> parts;
    ContextSchedule negative;
};

/// Gives the tokens of z [B, S, D] their weights [B, S], and the whole its mean back:
///
///     y = z * weights,   z' = y * mean(z) / mean(y)
///
/// `counts` says how often each of the B rows counts in the means. Throws an Error when the mean of
/// y is so small that the quotient is no number. Upstream: "Original" of modules/sd_emphasis.py.
[[nodiscard]] Tensor with_weights(const Tensor& z, const Tensor& weights,
                                  const std::vector<int>& counts);

/// Reads all the texts of a plan. Each chunk is read alone, in batches of a few, and none twice;
/// then its tokens get their weights, chunk i of all the texts of a schedule together; and the
/// chunks are put one after the other. In the type and on the device of the weights. Throws an
/// Error as with_weights() does.
[[nodiscard]] std::vector<PictureContexts> contexts_of(const PromptPlan& plan,
                                                       const PromptEncoder& encoder);

}  // namespace ldm::pipeline
