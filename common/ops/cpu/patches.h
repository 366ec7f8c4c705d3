#pragma once

#include <vector>

#include "common/ops/conv2d.h"
#include "common/ops/cpu/simd.h"

namespace ldm::ops::cpu {

/// A batch of pictures seen as the matrix that a convolution multiplies: a row for each
/// (channel, u, v) of the kernel, a column for each output pixel of the batch. The matrix is never
/// in memory; its parts are copied from the pictures when they are needed.
class Patches {
public:
    /// Unlike Conv2dOptions::padding, `top` and `left` may be negative (cropping).
    struct Geometry {
        std::int64_t kernel_h, kernel_w, stride, top, left, out_h, out_w;
    };

    Patches(const Tensor& x, const Geometry& geometry)
        : data_(x.data()), size_(x.size()), g_(geometry) {
        const auto [n, c, h, w] = x.dims<4>();
        channels_ = c, height_ = h, width_ = w;
        columns_ = n * g_.out_h * g_.out_w;
        rows_ = c * g_.kernel_h * g_.kernel_w;
    }

    std::int64_t rows() const { return rows_; }
    std::int64_t columns() const { return columns_; }

    /// Calls visit(left half, right half) for each of the rows first … first + count - 1 with their
    /// values in the columns `column` … `column` + 2 simd_width - 1; 0 beyond the last column.
    template <class Visit>
    void visit_rows(std::int64_t column, std::int64_t first, std::int64_t count,
                    Visit visit) const {
        const Window window(*this, column);
        std::int64_t v = first % g_.kernel_w, u = first / g_.kernel_w % g_.kernel_h;
        const float* plane = data_ + first / (g_.kernel_w * g_.kernel_h) * height_ * width_;
        for (std::int64_t row = 0; row < count; ++row) {
            const auto [left, right] = window.read(plane + u * width_ + v, u, v);
            visit(left, right);
            if (++v < g_.kernel_w) continue;
            v = 0;
            if (++u < g_.kernel_h) continue;
            u = 0;
            plane += height_ * width_;
        }
    }

private:
    static constexpr int lanes = 2 * simd_width;

    /// Where `lanes` neighbouring output pixels lie in a plane of the picture, and under which rows
    /// and columns of the kernel they are inside it.
    ///
    /// If a row of the result is as long as a row of the picture and the stride is 1, neighbours in
    /// the result are neighbours in memory, even around the end of a row: one load and one mask.
    class Window {
    public:
        Window(const Patches& patches, std::int64_t column)
            : memory_(patches.data_),
              memory_end_(patches.data_ + patches.size_),
              inside_h_(patches.g_.kernel_h),
              inside_w_(patches.g_.kernel_w) {
            const Geometry& g = patches.g_;
            const std::int64_t pixels = g.out_h * g.out_w;
            const std::int64_t picture = patches.channels_ * patches.height_ * patches.width_;
            for (int lane = 0; lane < lanes; ++lane) {
                const std::int64_t at = column + lane, pixel = at % pixels;
                const std::int64_t y = pixel / g.out_w * g.stride - g.top;
                const std::int64_t x = pixel % g.out_w * g.stride - g.left;
                const std::int64_t offset = at / pixels * picture + y * patches.width_ + x;
                if (lane == 0) start_ = offset;
                step_[lane] = offset - start_;
                neighbours_ &= step_[lane] == lane;
                const bool exists = at < patches.columns_;
                for (std::int64_t u = 0; u < g.kernel_h; ++u)
                    inside_h_[u].bits[lane] = -(exists && y + u >= 0 && y + u < patches.height_);
                for (std::int64_t v = 0; v < g.kernel_w; ++v)
                    inside_w_[v].bits[lane] = -(x + v >= 0 && x + v < patches.width_);
            }
        }

        std::pair<Floats, Floats> read(const float* plane, std::int64_t u, std::int64_t v) const {
            const float* from = plane + start_;
            const Mask inside = inside_h_[u] & inside_w_[v];
            if (neighbours_ && from >= memory_ && from + lanes <= memory_end_)
                return {(Floats)((Ints)load(from) & inside.half(0)),
                        (Floats)((Ints)load(from + simd_width) & inside.half(1))};
            float gathered[lanes];
            for (int lane = 0; lane < lanes; ++lane)
                gathered[lane] = inside.bits[lane] ? from[step_[lane]] : 0.0f;
            return {load(gathered), load(gathered + simd_width)};
        }

    private:
        struct Mask {
            // all of a lane that is inside
            std::int32_t bits[lanes];

            Ints half(int i) const {
                Ints v;
                std::memcpy(&v, bits + i * simd_width, sizeof v);
                return v;
            }
            Mask operator&(const Mask& other) const {
                Mask both;
                for (int lane = 0; lane < lanes; ++lane)
                    both.bits[lane] = bits[lane] & other.bits[lane];
                return both;
            }
        };

        const float *memory_, *memory_end_;
        std::int64_t start_ = 0;
        std::int64_t step_[lanes];
        bool neighbours_ = true;
        std::vector<Mask> inside_h_, inside_w_;
    };

    const float* data_;
    std::int64_t size_;
    Geometry g_;
    std::int64_t channels_, height_, width_, rows_, columns_;
};

}  // namespace ldm::ops::cpu
