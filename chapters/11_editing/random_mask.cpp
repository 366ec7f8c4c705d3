#include "chapters/11_editing/random_mask.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "common/error.h"

namespace ldm::editing {
namespace {

/// As shares of the shorter side: how wide strokes are, how long their pieces, how large
/// rectangles.
constexpr double thinnest = 0.1, thickest = 0.3, longest_piece = 0.5, smallest_box = 0.15,
                 largest_box = 0.6;
constexpr int most_strokes = 4, most_pieces = 4, most_boxes = 4;

/// Uniform numbers of a range.
class Lots {
public:
    explicit Lots(random::TorchGenerator& random) : random_(random) {}

    double between(double low, double high) {
        float share = 0;
        random_.uniform({&share, 1});
        return low + share * (high - low);
    }
    int from_one_to(int most) { return 1 + std::min(static_cast<int>(between(0, most)), most - 1); }

private:
    random::TorchGenerator& random_;
};

struct Point {
    double x, y;
};

/// The distance of p from the piece of a line from a to b.
double distance(const Point& p, const Point& a, const Point& b) {
    const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    const double along =
        length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
    return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

class Mask {
public:
    Mask(int width, int height) : mask_(Tensor::full({1, 1, height, width}, 0.0f)) {}

    void draw(const std::function<bool(const Point& centre)>& inside) {
        const std::int64_t height = mask_.dim(2), width = mask_.dim(3);
        float* next = mask_.data();
        for (std::int64_t y = 0; y < height; ++y)
            for (std::int64_t x = 0; x < width; ++x, ++next)
                if (inside({static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5}))
                    *next = 1.0f;
    }
    bool is_empty() const { return std::ranges::count(mask_.values(), 1.0f) == 0; }
    const Tensor& numbers() const { return mask_; }

private:
    Tensor mask_;
};

void add_box(Mask& mask, int width, int height, Lots& lots) {
    const double shorter = std::min(width, height);
    const double w = lots.between(smallest_box, largest_box) * shorter,
                 h = lots.between(smallest_box, largest_box) * shorter;
    const double left = lots.between(0, width - w), top = lots.between(0, height - h);
    mask.draw([=](const Point& p) {
        return p.x >= left && p.x < left + w && p.y >= top && p.y < top + h;
    });
}

void add_stroke(Mask& mask, int width, int height, Lots& lots) {
    const double shorter = std::min(width, height);
    const double radius = lots.between(thinnest, thickest) * shorter / 2;
    Point from{lots.between(0, width), lots.between(0, height)};
    const int pieces = lots.from_one_to(most_pieces);
    for (int i = 0; i < pieces; ++i) {
        const double angle = lots.between(0, 2 * std::numbers::pi);
        const double length = lots.between(0, longest_piece) * shorter;
        const Point to{std::clamp(from.x + length * std::cos(angle), 0.0, width * 1.0),
                       std::clamp(from.y + length * std::sin(angle), 0.0, height * 1.0)};
        mask.draw([=](const Point& p) { return distance(p, from, to) <= radius; });
        from = to;
    }
}

}  // namespace

Tensor random_mask(int width, int height, random::TorchGenerator& random) {
    expect(width > 0 && height > 0, "a mask has pixels");
    Lots lots(random);
    Mask mask(width, height);
    const bool boxes = lots.between(0, 1) < 0.5;
    const int count = lots.from_one_to(boxes ? most_boxes : most_strokes);
    for (int i = 0; i < count; ++i) (boxes ? add_box : add_stroke)(mask, width, height, lots);
    // a stroke thinner than a pixel may miss all their centres
    if (mask.is_empty()) mask.draw([](const Point& p) { return p.x < 1 && p.y < 1; });
    return mask.numbers();
}

}  // namespace ldm::editing
