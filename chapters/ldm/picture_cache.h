#pragma once

#include <map>
#include <memory>
#include <string>

#include "chapters/11_editing/masks.h"
#include "common/image/image.h"

namespace ldm::program {

/// The pictures that the options of a run name, each read once, however many drawings begin with
/// it. Throws as load_image() and load_mask() do.
class PictureCache {
public:
    std::shared_ptr<const image::Image> load(const std::string& path) {
        auto& picture = pictures_[path];
        if (!picture) picture = std::make_shared<const image::Image>(image::load_image(path));
        return picture;
    }

    Tensor load_mask(const std::string& path) {
        Tensor& mask = masks_[path];
        if (!mask) mask = editing::load_mask(path);
        return mask;
    }

private:
    std::map<std::string, std::shared_ptr<const image::Image>> pictures_;
    std::map<std::string, Tensor> masks_;
};

}  // namespace ldm::program
