// Every op on random shapes: its result against the definition, written here index by index in
// double precision; its gradients against finite differences; batches without entries, tensors of a
// single element and odd extents among them.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "common/ops/attention.h"
#include "common/ops/batch_norm.h"
#include "common/ops/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/heads.h"
#include "common/ops/linear_attention.h"
#include "common/ops/matmul.h"
#include "common/ops/nearest_row.h"
#include "common/ops/norm.h"
#include "common/ops/reduce.h"
#include "common/ops/reference/reference.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

namespace {

using Index = std::vector<std::int64_t>;
using Inputs = std::vector<Tensor>;

/// One op with its settings and its inputs drawn.
struct Problem {
    Inputs inputs;
    std::function<Tensor(const Inputs&)> op, definition;
    // the gradient is not defined, or not asked for
    bool differentiable = true;
    // times the largest number of the definition
    double tolerance = 3e-6;
};

enum class Extents { large, small, single, empty };

/// Draws shapes, settings and numbers.
class Draw {
public:
    Draw(unsigned seed, Extents extents) : engine_(seed), extents_(extents) {}

    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(engine_() % (high - low + 1));
    }
    bool coin() { return between(0, 1) == 1; }

    /// Of an axis that every op needs numbers along.
    std::int64_t extent() {
        static constexpr std::int64_t large[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 33};
        if (extents_ == Extents::single) return 1;
        return extents_ == Extents::large ? large[between(0, std::size(large) - 1)] : between(1, 3);
    }
    /// Of an axis that may have no entries at all.
    std::int64_t batch() {
        if (extents_ == Extents::empty) return 0;
        return extents_ == Extents::single ? 1 : between(1, 3);
    }
    Shape shape(int rank) {
        Shape shape;
        for (int axis = 0; axis < rank; ++axis) shape.push_back(axis == 0 ? batch() : extent());
        return shape;
    }
    Shape any_shape() { return shape(static_cast<int>(between(1, 4))); }

    Tensor normal(const Shape& shape) { return test::noise(shape, next_seed()); }
    Tensor positive(const Shape& shape) { return ops::abs(normal(shape)) + 0.5f; }
    /// Numbers of which no two are nearer than 1/4, and none nearer to 0 than 1/8: finite
    /// differences then stay on one side of every kink.
    Tensor spread(const Shape& shape) {
        Tensor x(shape);
        std::ranges::generate(x.values(), [i = 0.0f - static_cast<float>(x.size()) / 2]() mutable {
            return 0.25f * std::floor(i++) + 0.125f;
        });
        std::shuffle(x.values().begin(), x.values().end(), engine_);
        return x;
    }
    Tensor ids(const Shape& shape, std::int64_t count) {
        Tensor ids(shape, DType::i32);
        for (std::int64_t i = 0; i < ids.size(); ++i)
            ids.ints()[i] = static_cast<std::int32_t>(between(0, count - 1));
        return ids;
    }

private:
    int next_seed() { return static_cast<int>(engine_() % 1'000'000); }

    std::minstd_rand engine_;
    Extents extents_;
};

double at(const Tensor& x, const Index& index) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
        place = place * x.shape()[axis] + index[axis];
    return x.data()[place];
}

/// A tensor whose element at `index` is element(index).
Tensor define(const Shape& shape, const std::function<double(const Index&)>& element) {
    Tensor y(shape);
    Index index(shape.size(), 0);
    for (float& value : y.values()) {
        value = static_cast<float>(element(index));
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            if (++index[axis] < shape[axis]) break;
            index[axis] = 0;
        }
    }
    return y;
}

/// The element of x that broadcasting puts at `index`.
double broadcast_at(const Tensor& x, const Index& index) {
    Index mine(index.end() - x.rank(), index.end());
    for (int axis = 0; axis < x.rank(); ++axis)
        if (x.dim(axis) == 1) mine[axis] = 0;
    return at(x, mine);
}

/// sum(term(i)) for i < count.
double sum_over(std::int64_t count, const std::function<double(std::int64_t)>& term) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < count; ++i) sum += term(i);
    return sum;
}

Index with(Index index, std::size_t axis, std::int64_t value) {
    index[axis] = value;
    return index;
}

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Numbers = Tensor (Draw::*)(const Shape&);

std::function<Problem(Draw&)> unary(Unary op, double (*f)(double), Numbers numbers) {
    return [=](Draw& draw) {
        return Problem{.inputs = {(draw.*numbers)(draw.any_shape())},
                       .op = [op](const Inputs& in) { return op(in[0]); },
                       .definition =
                           [f](const Inputs& in) {
                               return define(in[0].shape(),
                                             [&](const Index& i) { return f(at(in[0], i)); });
                           }};
    };
}

std::function<Problem(Draw&)> binary(Binary op, double (*f)(double, double)) {
    return [=](Draw& draw) {
        const Shape shape = draw.any_shape();
        const auto part = [&] {
            Shape mine(shape.begin() + (draw.coin() ? 0 : draw.between(0, shape.size())),
                       shape.end());
            for (std::int64_t& extent : mine)
                if (draw.between(0, 3) == 0) extent = 1;
            return mine;
        };
        Inputs inputs{draw.normal(part()), draw.positive(shape)};
        if (draw.coin()) inputs = {draw.normal(shape), draw.positive(part())};
        return Problem{.inputs = inputs,
                       .op = [op](const Inputs& in) { return op(in[0], in[1]); },
                       .definition =
                           [f, shape](const Inputs& in) {
                               return define(shape, [&](const Index& i) {
                                   return f(broadcast_at(in[0], i), broadcast_at(in[1], i));
                               });
                           }};
    };
}

Problem matmul(Draw& draw) {
    Shape stack;
    for (auto axes = draw.between(0, 2); axes > 0; --axes) stack.push_back(draw.batch());
    const std::int64_t m = draw.extent(), k = draw.extent(), n = draw.extent();
    const auto which = static_cast<ops::Transpose>(draw.between(0, 2));
    const auto matrices = [&](std::int64_t rows, std::int64_t columns) {
        Shape shape = stack;
        shape.insert(shape.end(), {rows, columns});
        return draw.normal(shape);
    };
    const bool of_a = which == ops::Transpose::a, of_b = which == ops::Transpose::b;
    return {
        .inputs = {of_a ? matrices(k, m) : matrices(m, k), of_b ? matrices(n, k) : matrices(k, n)},
        .op = [=](const Inputs& in) { return ops::matmul(in[0], in[1], which); },
        .definition =
            [=](const Inputs& in) {
                Shape shape = stack;
                shape.insert(shape.end(), {m, n});
                return define(shape, [&](const Index& index) {
                    const std::int64_t i = index.end()[-2], j = index.end()[-1];
                    const auto place = [&](std::int64_t row, std::int64_t column) {
                        return with(with(index, index.size() - 2, row), index.size() - 1, column);
                    };
                    return sum_over(k, [&](std::int64_t l) {
                        return at(in[0], of_a ? place(l, i) : place(i, l)) *
                               at(in[1], of_b ? place(j, l) : place(l, j));
                    });
                });
            }};
}

Problem linear(Draw& draw) {
    Shape shape = draw.shape(static_cast<int>(draw.between(2, 3)));
    const std::int64_t in_width = shape.back(), out_width = draw.extent();
    const bool biased = draw.coin();
    Inputs inputs{draw.normal(shape), draw.normal({out_width, in_width})};
    if (biased) inputs.push_back(draw.normal({out_width}));
    shape.back() = out_width;
    return {
        .inputs = inputs,
        .op =
            [=](const Inputs& in) { return ops::linear(in[0], in[1], biased ? in[2] : Tensor()); },
        .definition =
            [=](const Inputs& in) {
                return define(shape, [&](const Index& i) {
                    const double sum = sum_over(in_width, [&](std::int64_t l) {
                        return at(in[0], with(i, i.size() - 1, l)) * at(in[1], {i.back(), l});
                    });
                    return sum + (biased ? at(in[2], {i.back()}) : 0.0);
                });
            }};
}

Problem conv2d(Draw& draw) {
    ops::Conv2dOptions options{.stride = static_cast<int>(draw.between(1, 3))};
    const std::int64_t kernel_h = draw.between(1, 3), kernel_w = draw.between(1, 3);
    const auto pad = [&] { return static_cast<int>(draw.between(0, 2)); };
    options.padding = {pad(), pad(), pad(), pad()};
    const std::int64_t channels = draw.extent();
    const std::int64_t height = draw.extent() + kernel_h - 1, width = draw.extent() + kernel_w - 1;
    const std::int64_t out = draw.extent();
    return {
        .inputs = {draw.normal({draw.batch(), channels, height, width}),
                   draw.normal({out, channels, kernel_h, kernel_w}), draw.normal({out})},
        .op = [=](const Inputs& in) { return ops::conv2d(in[0], in[1], in[2], options); },
        .definition =
            [=](const Inputs& in) { return ops::reference::conv2d(in[0], in[1], in[2], options); },
        .tolerance = 1e-5};
}

/// Between conv_transpose2d and conv2d stands the dot product: <conv2d(x), y> = <x, transpose(y)>.
Problem conv_transpose2d(Draw& draw) {
    const int stride = static_cast<int>(draw.between(1, 3));
    const std::int64_t kernel_h = draw.between(1, 3), kernel_w = draw.between(1, 3);
    const std::int64_t n = draw.batch(), in_channels = draw.extent(), out = draw.extent();
    const std::int64_t height = draw.between(1, 5), width = draw.between(1, 5);
    const Shape shape{n, out, (height - 1) * stride + kernel_h, (width - 1) * stride + kernel_w};
    return {
        .inputs = {draw.normal({n, in_channels, height, width}),
                   draw.normal({in_channels, out, kernel_h, kernel_w}), draw.normal({out})},
        .op = [=](const Inputs& in) { return ops::conv_transpose2d(in[0], in[1], in[2], stride); },
        .definition =
            [=](const Inputs& in) {
                return define(shape, [&](const Index& o) {
                    double sum = at(in[2], {o[1]});
                    for (std::int64_t c = 0; c < in_channels; ++c)
                        for (std::int64_t i = 0; i < height; ++i)
                            for (std::int64_t j = 0; j < width; ++j) {
                                const std::int64_t u = o[2] - i * stride, v = o[3] - j * stride;
                                if (u >= 0 && u < kernel_h && v >= 0 && v < kernel_w)
                                    sum += at(in[0], {o[0], c, i, j}) * at(in[1], {c, o[1], u, v});
                            }
                    return sum;
                });
            }};
}

Problem group_norm(Draw& draw) {
    const auto groups = static_cast<int>(draw.between(1, 3));
    const std::int64_t channels = groups * draw.extent();
    const bool silu = draw.coin();
    // of a group of one number everything but the bias is lost
    return {.inputs = {draw.normal({draw.batch(), channels, draw.extent(), 2}),
                       draw.normal({channels}), draw.normal({channels})},
            .op =
                [=](const Inputs& in) {
                    return silu ? ops::group_norm_silu(in[0], groups, in[1], in[2], 0.1f)
                                : ops::group_norm(in[0], groups, in[1], in[2], 0.1f);
                },
            .definition =
                [=](const Inputs& in) {
                    const Tensor y = ops::reference::group_norm(in[0], groups, in[1], in[2], 0.1f);
                    return !silu ? y : define(y.shape(), [&](const Index& i) {
                        return at(y, i) / (1.0 + std::exp(-at(y, i)));
                    });
                },
            .tolerance = 1e-5};
}

Problem layer_norm(Draw& draw) {
    const Shape shape = draw.shape(static_cast<int>(draw.between(2, 3)));
    const std::int64_t width = shape.back();
    return {
        .inputs = {draw.normal(shape), draw.normal({width}), draw.normal({width})},
        .op = [](const Inputs& in) { return ops::layer_norm(in[0], in[1], in[2], 0.1f); },
        .definition =
            [](const Inputs& in) { return ops::reference::layer_norm(in[0], in[1], in[2], 0.1f); },
        .tolerance = 1e-5};
}

Problem batch_norm(Draw& draw) {
    const std::int64_t channels = draw.extent();
    return {
        .inputs = {draw.normal({2, channels, draw.extent(), 2}), draw.normal({channels}),
                   draw.normal({channels})},
        .op = [](const Inputs& in) { return ops::batch_norm(in[0], in[1], in[2], 0.1f).y; },
        .definition =
            [](const Inputs& in) { return ops::reference::batch_norm(in[0], in[1], in[2], 0.1f); },
        .tolerance = 1e-5};
}

Problem attention(Draw& draw) {
    const std::int64_t n = draw.batch(), heads = draw.between(1, 3), queries = draw.extent();
    const std::int64_t d = draw.extent(), e = draw.extent();
    ops::AttentionOptions options{.causal = draw.coin()};
    const std::int64_t keys = options.causal ? queries : draw.extent();
    if (draw.coin()) options.key_padding_mask = draw.ids({n, keys}, 2);
    return {.inputs = {draw.normal({n, heads, queries, d}), draw.normal({n, heads, keys, d}),
                       draw.normal({n, heads, keys, e})},
            .op =
                [=](const Inputs& in) {
                    return ops::scaled_dot_product_attention(in[0], in[1], in[2], options);
                },
            .definition =
                [=](const Inputs& in) {
                    ops::AttentionOptions explicit_scale = options;
                    if (!explicit_scale.scale)
                        explicit_scale.scale = 1.0f / std::sqrt(static_cast<float>(d));
                    return ops::reference::attention(in[0], in[1], in[2], explicit_scale);
                },
            .tolerance = 1e-5};
}

Problem linear_attention(Draw& draw) {
    const std::int64_t n = draw.batch(), heads = draw.between(1, 3), pixels = draw.extent();
    const std::int64_t d = draw.extent(), e = draw.extent();
    return {.inputs = {draw.normal({n, heads, d, pixels}), draw.normal({n, heads, d, pixels}),
                       draw.normal({n, heads, e, pixels})},
            .op = [](const Inputs& in) { return ops::linear_attention(in[0], in[1], in[2]); },
            .definition =
                [=](const Inputs& in) {
                    return define({n, heads, e, pixels}, [&](const Index& i) {
                        return sum_over(d, [&](std::int64_t c) {
                            const double total = sum_over(pixels, [&](std::int64_t p) {
                                return std::exp(at(in[1], {i[0], i[1], c, p}));
                            });
                            const double summary = sum_over(pixels, [&](std::int64_t p) {
                                return std::exp(at(in[1], {i[0], i[1], c, p})) / total *
                                       at(in[2], {i[0], i[1], i[2], p});
                            });
                            return summary * at(in[0], {i[0], i[1], c, i[3]});
                        });
                    });
                }};
}

Problem softmax(Draw& draw) {
    const Shape shape = draw.any_shape();
    const bool log = draw.coin();
    if (shape.back() == 0) return {{}, {}, {}};
    return {
        .inputs = {draw.normal(shape)},
        .op =
            [log](const Inputs& in) { return log ? ops::log_softmax(in[0]) : ops::softmax(in[0]); },
        .definition =
            [log](const Inputs& in) {
                return define(in[0].shape(), [&](const Index& i) {
                    const double total = sum_over(in[0].dim(-1), [&](std::int64_t j) {
                        return std::exp(at(in[0], with(i, i.size() - 1, j)));
                    });
                    const double x = at(in[0], i);
                    return log ? x - std::log(total) : std::exp(x) / total;
                });
            }};
}

Problem cross_entropy(Draw& draw) {
    const std::int64_t n = draw.extent(), classes = draw.extent();
    const Tensor labels = draw.ids({n}, classes);
    return {.inputs = {draw.normal({n, classes})},
            .op = [labels](const Inputs& in) { return ops::cross_entropy(in[0], labels); },
            .definition =
                [=](const Inputs& in) {
                    return define({}, [&](const Index&) {
                        return sum_over(n, [&](std::int64_t i) {
                            const double total = sum_over(classes, [&](std::int64_t j) {
                                return std::exp(at(in[0], {i, j}));
                            });
                            return (std::log(total) - at(in[0], {i, labels.ints()[i]})) / n;
                        });
                    });
                }};
}

Problem embedding(Draw& draw) {
    const std::int64_t rows = draw.extent(), width = draw.extent();
    const Tensor ids = draw.ids({draw.batch(), draw.extent()}, rows);
    return {.inputs = {draw.normal({rows, width})},
            .op = [ids](const Inputs& in) { return ops::embedding(ids, in[0]); },
            .definition =
                [=](const Inputs& in) {
                    return define({ids.dim(0), ids.dim(1), width}, [&](const Index& i) {
                        return at(in[0], {ids.ints()[i[0] * ids.dim(1) + i[1]], i[2]});
                    });
                }};
}

Problem nearest_row(Draw& draw) {
    const std::int64_t width = draw.extent();
    return {.inputs = {draw.normal({draw.batch(), width}), draw.normal({draw.extent(), width})},
            .op = [](const Inputs& in) { return ops::to_float(ops::nearest_row(in[0], in[1])); },
            .definition =
                [](const Inputs& in) {
                    return ops::to_float(ops::reference::nearest_row(in[0], in[1]));
                },
            .differentiable = false};
}

Problem upsample_nearest(Draw& draw) {
    const auto factor = static_cast<int>(draw.between(1, 3));
    Shape shape = draw.shape(4);
    const Tensor x = draw.normal(shape);
    shape[2] *= factor;
    shape[3] *= factor;
    return {.inputs = {x},
            .op = [=](const Inputs& in) { return ops::upsample_nearest(in[0], factor); },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) {
                        return at(in[0], {i[0], i[1], i[2] / factor, i[3] / factor});
                    });
                }};
}

Problem pool(Draw& draw) {
    const auto size = static_cast<int>(draw.between(1, 3));
    const bool largest = draw.coin();
    Shape shape = draw.shape(4);
    const Tensor x = draw.spread(shape);
    shape[2] /= size;
    shape[3] /= size;
    return {.inputs = {x},
            .op =
                [=](const Inputs& in) {
                    return largest ? ops::max_pool2d(in[0], size) : ops::avg_pool2d(in[0], size);
                },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) {
                        double sum = 0.0, most = -INFINITY;
                        for (std::int64_t u = 0; u < size; ++u)
                            for (std::int64_t v = 0; v < size; ++v) {
                                const double value =
                                    at(in[0], {i[0], i[1], i[2] * size + u, i[3] * size + v});
                                sum += value;
                                most = std::max(most, value);
                            }
                        return largest ? most : sum / (size * size);
                    });
                }};
}

Problem concat(Draw& draw) {
    Shape shape = draw.any_shape();
    const auto axis = static_cast<int>(draw.between(0, static_cast<int>(shape.size()) - 1));
    Inputs parts;
    std::vector<std::int64_t> begins;
    std::int64_t total = 0;
    for (auto count = draw.between(1, 3); count > 0; --count) {
        shape[axis] = axis == 0 ? draw.batch() : draw.extent();
        parts.push_back(draw.normal(shape));
        begins.push_back(total);
        total += shape[axis];
    }
    shape[axis] = total;
    return {.inputs = parts,
            .op = [=](const Inputs& in) { return ops::concat(in, axis); },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) {
                        std::size_t part = begins.size() - 1;
                        while (begins[part] > i[axis]) --part;
                        return at(in[part], with(i, axis, i[axis] - begins[part]));
                    });
                }};
}

Problem slice(Draw& draw) {
    Shape shape = draw.any_shape();
    const Tensor x = draw.normal(shape);
    const auto axis = static_cast<int>(draw.between(0, static_cast<int>(shape.size()) - 1));
    const std::int64_t begin = draw.between(0, shape[axis]), end = draw.between(begin, shape[axis]);
    shape[axis] = end - begin;
    return {.inputs = {x},
            .op = [=](const Inputs& in) { return ops::slice(in[0], axis, begin, end); },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) {
                        return at(in[0], with(i, axis, begin + i[axis]));
                    });
                }};
}

Problem permute(Draw& draw) {
    const Tensor x = draw.normal(draw.any_shape());
    std::vector<int> order(x.rank());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[draw.between(0, i)]);
    Shape shape;
    for (const int axis : order) shape.push_back(x.dim(axis));
    return {.inputs = {x},
            .op = [=](const Inputs& in) { return ops::permute(in[0], order); },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) {
                        Index from(i.size());
                        for (std::size_t axis = 0; axis < i.size(); ++axis)
                            from[order[axis]] = i[axis];
                        return at(in[0], from);
                    });
                }};
}

Problem broadcast_to(Draw& draw) {
    const Shape shape = draw.any_shape();
    Shape mine(shape.begin() + draw.between(0, shape.size()), shape.end());
    for (std::int64_t& extent : mine)
        if (draw.coin()) extent = 1;
    return {.inputs = {draw.normal(mine)},
            .op = [=](const Inputs& in) { return ops::broadcast_to(in[0], shape); },
            .definition =
                [=](const Inputs& in) {
                    return define(shape, [&](const Index& i) { return broadcast_at(in[0], i); });
                }};
}

Problem sum_along_axes(Draw& draw) {
    const Tensor x = draw.normal(draw.any_shape());
    std::vector<int> axes;
    for (int axis = 0; axis < x.rank(); ++axis)
        if (draw.coin()) axes.push_back(axis);
    const auto stay = draw.coin() ? ops::Axes::keep : ops::Axes::drop;
    Shape kept = x.shape(), shape;
    for (const int axis : axes) kept[axis] = 1;
    for (int axis = 0; axis < x.rank(); ++axis)
        if (stay == ops::Axes::keep || !std::ranges::count(axes, axis)) shape.push_back(kept[axis]);
    return {.inputs = {x},
            .op = [=](const Inputs& in) { return ops::sum(in[0], axes, stay); },
            .definition =
                [=](const Inputs& in) {
                    std::vector<double> sums(std::accumulate(kept.begin(), kept.end(),
                                                             std::int64_t{1}, std::multiplies()));
                    define(in[0].shape(), [&](const Index& i) {
                        std::int64_t place = 0;
                        for (std::size_t axis = 0; axis < i.size(); ++axis)
                            place = place * kept[axis] + (kept[axis] == 1 ? 0 : i[axis]);
                        return sums[place] += at(in[0], i);
                    });
                    return Tensor::from(shape, std::vector<float>(sums.begin(), sums.end()));
                }};
}

Problem mean_per_sample(Draw& draw) {
    const Tensor x = draw.normal(draw.shape(static_cast<int>(draw.between(2, 4))));
    const std::int64_t n = x.dim(0), each = n ? x.size() / n : 1;
    return {.inputs = {x},
            .op = [](const Inputs& in) { return ops::mean_per_sample(in[0]); },
            .definition =
                [=](const Inputs& in) {
                    return define({n}, [&](const Index& i) {
                        return sum_over(each, [&](std::int64_t j) {
                            return in[0].data()[i[0] * each + j] / static_cast<double>(each);
                        });
                    });
                }};
}

Problem normalize(Draw& draw) {
    return {.inputs = {draw.positive(draw.shape(2))},
            .op = [](const Inputs& in) { return ops::normalize(in[0]); },
            .definition =
                [](const Inputs& in) {
                    return define(in[0].shape(), [&](const Index& i) {
                        const double squares = sum_over(in[0].dim(1), [&](std::int64_t j) {
                            return std::pow(at(in[0], {i[0], j}), 2);
                        });
                        return at(in[0], i) / std::sqrt(squares);
                    });
                }};
}

Problem split_heads(Draw& draw) {
    const std::int64_t n = draw.batch(), tokens = draw.extent(), heads = draw.extent(),
                       d = draw.extent();
    const bool merge = draw.coin();
    const Shape whole{n, tokens, heads * d}, split{n, heads, tokens, d};
    return {.inputs = {draw.normal(merge ? split : whole)},
            .op =
                [=](const Inputs& in) {
                    return merge ? ops::merge_heads(in[0]) : ops::split_heads(in[0], heads);
                },
            .definition =
                [=](const Inputs& in) {
                    return define(merge ? whole : split, [&](const Index& i) {
                        return merge ? at(in[0], {i[0], i[2] / d, i[1], i[2] % d})
                                     : at(in[0], {i[0], i[2], i[1] * d + i[3]});
                    });
                }};
}

Problem by_a_number(Draw& draw) {
    const float c = static_cast<float>(draw.between(1, 999));
    return {.inputs = {draw.normal(draw.any_shape())},
            .op = [c](const Inputs& in) { return (in[0] / c) * 3.0f + 0.5f - 0.25f; },
            .definition =
                [c](const Inputs& in) {
                    return define(in[0].shape(),
                                  [&](const Index& i) { return at(in[0], i) / c * 3.0 + 0.25; });
                }};
}

Problem clamp(Draw& draw) {
    return {.inputs = {draw.spread(draw.any_shape())},
            .op = [](const Inputs& in) { return ops::clamp(in[0], -0.25f, 0.75f); },
            .definition =
                [](const Inputs& in) {
                    return define(in[0].shape(), [&](const Index& i) {
                        return std::clamp(at(in[0], i), -0.25, 0.75);
                    });
                }};
}

Problem leaky_relu(Draw& draw) {
    return {.inputs = {draw.spread(draw.any_shape())},
            .op = [](const Inputs& in) { return ops::leaky_relu(in[0], 0.2f); },
            .definition =
                [](const Inputs& in) {
                    return define(in[0].shape(), [&](const Index& i) {
                        return at(in[0], i) * (at(in[0], i) > 0 ? 1.0 : 0.2);
                    });
                }};
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

const std::vector<std::pair<std::string, std::function<Problem(Draw&)>>> all_ops = {
    {"silu", unary(
                 ops::silu, [](double x) { return x * sigmoid(x); }, &Draw::normal)},
    {"gelu", unary(
                 ops::gelu, [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); },
                 &Draw::normal)},
    {"quick_gelu",
     unary(
         ops::quick_gelu, [](double x) { return x * sigmoid(1.702 * x); }, &Draw::normal)},
    {"sigmoid", unary(ops::sigmoid, sigmoid, &Draw::normal)},
    {"tanh", unary(
                 ops::tanh, [](double x) { return std::tanh(x); }, &Draw::normal)},
    {"relu", unary(
                 ops::relu, [](double x) { return std::max(x, 0.0); }, &Draw::spread)},
    {"softplus",
     unary(
         ops::softplus, [](double x) { return std::log1p(std::exp(x)); }, &Draw::normal)},
    {"exp", unary(
                ops::exp, [](double x) { return std::exp(x); }, &Draw::normal)},
    {"log", unary(
                ops::log, [](double x) { return std::log(x); }, &Draw::positive)},
    {"sqrt", unary(
                 ops::sqrt, [](double x) { return std::sqrt(x); }, &Draw::positive)},
    {"square", unary(
                   ops::square, [](double x) { return x * x; }, &Draw::normal)},
    {"abs", unary(
                ops::abs, [](double x) { return std::abs(x); }, &Draw::spread)},
    {"sin", unary(
                ops::sin, [](double x) { return std::sin(x); }, &Draw::normal)},
    {"cos", unary(
                ops::cos, [](double x) { return std::cos(x); }, &Draw::normal)},
    {"add", binary(ops::add, [](double a, double b) { return a + b; })},
    {"sub", binary(ops::sub, [](double a, double b) { return a - b; })},
    {"mul", binary(ops::mul, [](double a, double b) { return a * b; })},
    {"div", binary(ops::div, [](double a, double b) { return a / b; })},
    {"x / c, c x, x + c", by_a_number},
    {"clamp", clamp},
    {"leaky_relu", leaky_relu},
    {"matmul", matmul},
    {"linear", linear},
    {"conv2d", conv2d},
    {"conv_transpose2d", conv_transpose2d},
    {"group_norm", group_norm},
    {"layer_norm", layer_norm},
    {"batch_norm", batch_norm},
    {"scaled_dot_product_attention", attention},
    {"linear_attention", linear_attention},
    {"softmax", softmax},
    {"cross_entropy", cross_entropy},
    {"embedding", embedding},
    {"nearest_row", nearest_row},
    {"upsample_nearest", upsample_nearest},
    {"avg_pool2d, max_pool2d", pool},
    {"concat", concat},
    {"slice", slice},
    {"permute", permute},
    {"broadcast_to", broadcast_to},
    {"sum", sum_along_axes},
    {"mean_per_sample", mean_per_sample},
    {"normalize", normalize},
    {"split_heads, merge_heads", split_heads},
};

std::string shapes_of(const Inputs& inputs) {
    std::string text;
    for (const Tensor& x : inputs) text += to_string(x.shape()) + " ";
    return text;
}

void check_forward(const std::string& name, const Problem& problem) {
    INFO(name << " of " << shapes_of(problem.inputs));
    const Tensor expected = problem.definition(problem.inputs);
    double largest = 1.0;
    for (const float value : expected.values())
        largest = std::max(largest, std::abs(static_cast<double>(value)));
    CHECK(test::close(problem.op(problem.inputs), expected, problem.tolerance * largest) == "");
}

void check_gradients(const std::string& name, const Problem& problem) {
    if (!problem.differentiable) return;
    INFO("the gradient of " << name << " of " << shapes_of(problem.inputs));
    CHECK(test::gradients_agree(problem.op, problem.inputs, 1e-3) == "");
}

}  // namespace

TEST_CASE("every op is its definition on random shapes") {
    for (const auto& [name, make] : all_ops)
        for (unsigned seed = 1; seed <= 12; ++seed) {
            Draw draw(seed * 7919, Extents::large);
            check_forward(name, make(draw));
        }
}

TEST_CASE("every op's gradient is that of finite differences on random shapes") {
    for (const auto& [name, make] : all_ops)
        for (unsigned seed = 1; seed <= 4; ++seed) {
            Draw draw(seed * 104729, Extents::small);
            check_gradients(name, make(draw));
        }
}

TEST_CASE("every op takes tensors of a single element") {
    for (const auto& [name, make] : all_ops)
        for (unsigned seed = 1; seed <= 2; ++seed) {
            Draw draw(seed * 31, Extents::single);
            const Problem problem = make(draw);
            check_forward(name, problem);
            check_gradients(name, problem);
        }
}

TEST_CASE("every op takes a batch without entries, and so does its gradient") {
    for (const auto& [name, make] : all_ops)
        for (unsigned seed = 1; seed <= 3; ++seed) {
            Draw draw(seed * 17, Extents::empty);
            const Problem problem = make(draw);
            if (problem.inputs.empty()) continue;
            check_forward(name, problem);
            check_gradients(name, problem);
        }
}
