#include "common/ops/cudnn_use.h"

#include <atomic>

#include "common/device/build.h"
#include "common/error.h"

namespace ldm::ops {
namespace {

std::atomic<std::int64_t> convolutions, attentions;

}  // namespace

CudnnUse cudnn_use_from(const std::vector<std::string>& names) {
    CudnnUse use{.conv2d = false};
    for (const std::string& name : names) {
        if (name == "none") continue;
        if (!build::has_cudnn)
            throw Error("this program was built without cuDNN, which was to do '" + name + "'");
        if (name == "conv2d")
            use.conv2d = true;
        else if (name == "attention")
            use.attention = true;
        else
            throw Error("cuDNN is to do '" + name + "', expected conv2d, attention or none");
    }
    return use;
}

std::string name_of(CudnnUse use) {
    if (!build::has_cudnn || use == CudnnUse{false, false}) return "none";
    return use.conv2d && use.attention ? "conv2d,attention" : use.conv2d ? "conv2d" : "attention";
}

CudnnCount through_cudnn() { return {convolutions, attentions}; }

void count_through_cudnn(CudnnCount more) {
    convolutions += more.conv2d;
    attentions += more.attention;
}

}  // namespace ldm::ops
