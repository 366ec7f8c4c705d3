#include "chapters/11_editing/further_channels.h"

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::editing {
namespace {

/// [1, c, h, w] -> [n, c, h, w]
Tensor for_each_of(std::int64_t n, const Tensor& one) {
    return unet::repeated({.concat = {one}}, n).concat[0];
}

}  // namespace

//! [channels]
pipeline::ConditionedModel with_channels(const pipeline::ConditionedModel& unet,
                                         const Tensor& channels) {
    return [=](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
        // whoever guides by the picture says itself what is beside x
        if (!given.concat.empty()) return unet(x, t, given);
        unet::Conditioning more = given;
        more.concat = {for_each_of(x.dim(0), channels)};
        return unet(x, t, more);
    };
}
//! [channels]

//! [guided]
pipeline::Guide guided_by_picture(const Tensor& picture, double image_cfg_scale) {
    const auto image_scale = static_cast<float>(image_cfg_scale);
    return [=](const pipeline::ConditionedModel& unet, const std::vector<Tensor>& weights,
               float scale) -> pipeline::ConditionedModel {
        return [=](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
            // given for [uncond, cond_1, …]; asked for [no picture, uncond, cond_1, …]
            const std::int64_t n = x.dim(0), count = 2 + std::ssize(weights);
            const Tensor& contexts = given.crossattn[0];
            const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
            const unet::Conditioning all{
                .concat = {ops::concat(
                    {for_each_of(n, 0.0f * picture), for_each_of(n * (count - 1), picture)}, 0)},
                .crossattn = {ops::concat({ops::slice(contexts, 0, 0, n), contexts}, 0)}};
            const auto e = ops::chunk(unet(ops::concat(std::vector(count, x), 0),
                                           ops::concat(std::vector(count, times), 0), all),
                                      static_cast<int>(count), 0);
            Tensor change;
            for (std::size_t i = 0; i < weights.size(); ++i) {
                const Tensor difference = e[i + 2] - e[1];
                const Tensor term = weights[i] ? weights[i] * difference : difference;
                change = change ? change + term : term;
            }
            return e[0] + image_scale * (e[1] - e[0]) + scale * change;
        };
    };
}
//! [guided]

pipeline::ConditionedModel in_patches(const pipeline::ConditionedModel& unet,
                                      const Patches& patches) {
    return [=](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
        // x and its further channels are cut together
        std::vector<Tensor> all = {x};
        all.insert(all.end(), given.concat.begin(), given.concat.end());
        const std::int64_t channels = x.dim(1);
        const auto predict = [&](const Tensor& crop) {
            unet::Conditioning there = given;
            there.concat.clear();
            if (crop.dim(1) > channels) there.concat = {ops::slice(crop, 1, channels, crop.dim(1))};
            return unet(ops::slice(crop, 1, 0, channels), t, there);
        };
        return apply_patchwise(predict, ops::concat(all, 1), patches);
    };
}

}  // namespace ldm::editing
