#include "chapters/09_training/run/curve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "common/error.h"
#include "common/figures/plot.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

namespace ldm::train {
namespace {

constexpr std::string_view first_columns = "step,seconds,samples,lr,loss";
constexpr image::Color light{168, 201, 231}, dark{0, 82, 147};

std::string header_of(const std::vector<std::string>& extras) {
    std::string header(first_columns);
    for (const std::string& name : extras) header += "," + name;
    return header;
}

/// Numbers are written so that reading them gives the same ones back.
std::string row_of(const CurvePoint& point) {
    std::string row = fmt::format("{},{:.3f},{},{},{}", point.step, point.seconds, point.samples,
                                  point.learning_rate, point.loss);
    for (const double value : point.extras) row += fmt::format(",{}", value);
    return row;
}

/// Takes one number off the front of a row; nothing when there is none.
template <typename Number>
std::optional<Number> take(std::string_view& row) {
    Number number{};
    const auto [end, error] = std::from_chars(row.data(), row.data() + row.size(), number);
    if (error != std::errc()) return std::nullopt;
    row.remove_prefix(static_cast<std::size_t>(end - row.data()));
    if (row.starts_with(',')) row.remove_prefix(1);
    return number;
}

std::optional<CurvePoint> read_row(std::string_view row, std::size_t extras) {
    if (std::ranges::count(row, ',') != static_cast<std::ptrdiff_t>(4 + extras))
        return std::nullopt;
    const auto step = take<std::int64_t>(row);
    const auto seconds = take<double>(row);
    const auto samples = take<std::int64_t>(row);
    const auto learning_rate = take<double>(row), loss = take<double>(row);
    if (!step || !seconds || !samples || !learning_rate || !loss) return std::nullopt;
    CurvePoint point{*step, *seconds, *samples, *learning_rate, *loss};
    for (std::size_t i = 0; i < extras; ++i) {
        const auto value = take<double>(row);
        if (!value) return std::nullopt;
        point.extras.push_back(*value);
    }
    return row.empty() ? std::optional(point) : std::nullopt;
}

/// The rows of a file up to `last_step`, or up to the first that makes no sense.
std::vector<CurvePoint> read_points(const std::filesystem::path& path,
                                    const std::vector<std::string>& extras, std::int64_t last_step,
                                    const std::function<void(const std::string&)>& warn) {
    const std::string text = io::read_text_file(path);
    const std::string header = header_of(extras) + "\n";
    if (header.starts_with(text)) {
        warn(fmt::format("{}: empty; the curve begins again after step {}", path.string(),
                         last_step));
        return {};
    }
    if (!text.starts_with(header))
        throw Error(fmt::format("{}: the first line is '{}', expected {}", path.string(),
                                text::printable(text.substr(0, text.find('\n'))),
                                header_of(extras)));
    std::vector<CurvePoint> points;
    std::size_t begin = header.size();
    for (int line = 2; begin < text.size(); ++line) {
        const std::size_t end = text.find('\n', begin);
        // the program was killed while it wrote this row
        if (end == text.npos) break;
        const auto point =
            read_row(std::string_view(text).substr(begin, end - begin), extras.size());
        if (!point || (!points.empty() && point->step <= points.back().step)) {
            warn(
                fmt::format("{}:{}: not a row of a training curve; it and what follows is left out",
                            path.string(), line));
            break;
        }
        if (point->step > last_step) break;
        points.push_back(*point);
        begin = end + 1;
    }
    return points;
}

}  // namespace

Curve::Curve(std::filesystem::path path, std::vector<std::string> extras, std::int64_t last_step,
             const std::function<void(const std::string&)>& warn)
    : path_(std::move(path)), extras_(std::move(extras)) {
    if (last_step > 0 && std::filesystem::exists(path_))
        points_ = read_points(path_, extras_, last_step, warn);
    std::string text = header_of(extras_) + "\n";
    for (const CurvePoint& point : points_) text += row_of(point) + "\n";
    io::write_text_file(path_, text);
    file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file_ < 0)
        throw Error(fmt::format("{}: cannot write: {}", path_.string(), std::strerror(errno)));
}

Curve::~Curve() { ::close(file_); }

void Curve::add(const CurvePoint& point) {
    expect(points_.empty() || point.step > points_.back().step,
           fmt::format("expected a step after {}, got {}",
                       points_.empty() ? 0 : points_.back().step, point.step));
    expect(point.extras.size() == extras_.size(),
           fmt::format("expected {} extra values, got {}", extras_.size(), point.extras.size()));
    const std::string row = row_of(point) + "\n";
    ssize_t written = 0;
    // at once: a row is there or not
    do written = ::write(file_, row.data(), row.size());
    while (written < 0 && errno == EINTR);
    if (written != static_cast<ssize_t>(row.size()))
        throw Error(fmt::format("{}: cannot write: {}", path_.string(),
                                std::strerror(written < 0 ? errno : ENOSPC)));
    points_.push_back(point);
}

std::vector<double> Curve::column(std::string_view name) const {
    const auto collect = [&](auto value_of) {
        std::vector<double> values;
        for (const CurvePoint& point : points_)
            values.push_back(static_cast<double>(value_of(point)));
        return values;
    };
    if (name == "step") return collect([](const CurvePoint& p) { return p.step; });
    if (name == "seconds") return collect([](const CurvePoint& p) { return p.seconds; });
    if (name == "samples") return collect([](const CurvePoint& p) { return p.samples; });
    if (name == "lr") return collect([](const CurvePoint& p) { return p.learning_rate; });
    if (name == "loss") return collect([](const CurvePoint& p) { return p.loss; });
    const auto extra = std::ranges::find(extras_, name);
    if (extra == extras_.end())
        throw Error(fmt::format("{}: there is no column '{}'", path_.string(), name));
    const auto index = static_cast<std::size_t>(extra - extras_.begin());
    return collect([&](const CurvePoint& p) { return p.extras[index]; });
}

std::vector<float> running_mean(const std::vector<double>& values, std::size_t window) {
    expect(window > 0, "expected a window of at least one value");
    std::vector<float> means;
    double sum = 0;
    std::int64_t count = 0;
    const auto change = [&](double value, int sign) {
        if (!std::isfinite(value)) return;
        sum += sign * value;
        count += sign;
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
        change(values[i], 1);
        if (i >= window) change(values[i - window], -1);
        means.push_back(count > 0 ? static_cast<float>(sum / static_cast<double>(count)) : NAN);
    }
    return means;
}

figures::Canvas draw_curve(const Curve& curve, const CurveStyle& style) {
    const auto narrow = [](const std::vector<double>& x) {
        return std::vector<float>(x.begin(), x.end());
    };
    const std::vector<double> values = curve.column(style.column);
    const std::vector<float> steps = narrow(curve.column("step"));
    const std::size_t window =
        style.window ? style.window : std::max<std::size_t>(1, values.size() / 50);
    return figures::plot(
        {{fmt::format("mean of {} steps", window), running_mean(values, window), steps, dark},
         {"each step", narrow(values), steps, light, true}},
        {.title = style.title,
         .caption = fmt::format(
             "Dots: the value of each step. Line: the mean of the last {} steps.", window),
         .x_label = "training step",
         .y_label = style.column + (style.log_y ? " (log scale)" : ""),
         .log_y = style.log_y});
}

}  // namespace ldm::train
