#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/figures/canvas.h"
#include "common/report/progress.h"

namespace ldm::train {

/// One step of a training.
struct CurvePoint {
    std::int64_t step = 0;
    /// of training so far, without breaks
    double seconds = 0;
    /// pictures seen so far
    std::int64_t samples = 0;
    double learning_rate = 0, loss = 0;
    std::vector<double> extras = {};
};

/// The training curve as a table: step,seconds,samples,lr,loss and columns of the training's
/// own. Every row is in the file as soon as it is added.
class Curve {
public:
    /// Goes on after `last_step`: rows of later steps, which a training that goes on from a
    /// checkpoint will do again, are cut off. With 0 the table starts anew. What cannot be read at
    /// its end is cut off too, with a line for `warn`; so is a file that lost everything. Throws
    /// ldm::Error when the columns are others, or the file cannot be written.
    explicit Curve(std::filesystem::path path, std::vector<std::string> extras = {},
                   std::int64_t last_step = 0,
                   const std::function<void(const std::string&)>& warn = report::message);
    ~Curve();
    Curve(const Curve&) = delete;
    Curve& operator=(const Curve&) = delete;

    /// Throws ldm::Error for a step that is not later than the last, another number of extras, a
    /// full disk.
    void add(const CurvePoint& point);

    const std::vector<CurvePoint>& points() const { return points_; }

    /// The values of one column by its name. Throws ldm::Error when there is none.
    std::vector<double> column(std::string_view name) const;

private:
    std::filesystem::path path_;
    std::vector<std::string> extras_;
    std::vector<CurvePoint> points_;
    int file_ = -1;
};

/// Each value's mean with those of the `window` - 1 rows before it, as far as there are any. Values
/// that are not finite are left out.
std::vector<float> running_mean(const std::vector<double>& values, std::size_t window);

struct CurveStyle {
    std::string column = "loss";
    std::string title = {};
    bool log_y = true;
    /// of the mean; 0: a fiftieth of the curve
    std::size_t window = 0;
};

/// A figure of one column over the steps: the values as light dots, their running mean as a dark
/// line.
figures::Canvas draw_curve(const Curve& curve, const CurveStyle& style = {});

}  // namespace ldm::train
