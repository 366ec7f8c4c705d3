#pragma once

#include <algorithm>

#include "common/image/image.h"

namespace ldm::test {

/// How many pixels have this colour.
inline int count(const image::Image& picture, image::Color color) {
    int found = 0;
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < picture.width; ++x) found += picture.at(x, y) == color;
    return found;
}

/// Where pixels are: left and top inside, right and bottom one beyond.
struct Box {
    int left, top, right, bottom;
};

template <typename Wanted>
Box box_where(const image::Image& picture, Wanted wanted) {
    Box box{picture.width, picture.height, 0, 0};
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < picture.width; ++x)
            if (wanted(picture.at(x, y)))
                box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x + 1),
                       std::max(box.bottom, y + 1)};
    return box;
}

/// The pixels of one colour.
inline Box box_of(const image::Image& picture, image::Color color) {
    return box_where(picture, [&](image::Color c) { return c == color; });
}

/// All that is not white paper.
inline Box box_of(const image::Image& picture) {
    return box_where(picture, [](image::Color c) { return c != image::white; });
}

}  // namespace ldm::test
