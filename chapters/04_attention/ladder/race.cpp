#include "chapters/04_attention/ladder/race.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "chapters/04_attention/ladder/ladder.h"
#include "chapters/04_attention/ladder/tile.h"
#include "common/ops/attention.h"
#include "common/ops/reference/reference.h"
#include "common/random/torch_random.h"

namespace ldm::attention::ladder {
namespace {

Tensor as_head(const Tensor& x) {
    return x.reshape({1, 1, x.dim(0), x.dim(1)});
}

Tensor shipped(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Tensor y = ops::scaled_dot_product_attention(as_head(q), as_head(k), as_head(v));
    return y.reshape({q.dim(0), v.dim(1)});
}

struct Rung {
    const char* name;
    Tensor (*climb)(const Tensor& q, const Tensor& k, const Tensor& v);
    std::int64_t (*scratch)(std::int64_t tokens);  // numbers
};

constexpr Rung rungs[] = {
    {"naive", naive, [](std::int64_t tokens) { return tokens * tokens; }},
    {"tiled", tiled, [](std::int64_t tokens) { return tile_queries * tokens; }},
    {"online softmax", online_softmax, [](std::int64_t) { return tile_queries * tile_keys; }},
    {"common/ops", shipped, nullptr},
};

/// Processor time in milliseconds, the best of three: what else the machine does only ever adds.
template <typename Work>
double milliseconds(const Work& work) {
    double best = INFINITY;
    for (int i = 0; i < 3; ++i) {
        const std::clock_t start = std::clock();
        work();
        best = std::min(best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
}

double largest_error(const Tensor& got, const Tensor& expected) {
    double error = 0.0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
        const double off = std::abs(static_cast<double>(got.data()[i]) - expected.data()[i]);
        error = off <= error ? error : off;  // NaN stays
    }
    return error;
}

class OneThread {
public:
    OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
    ~OneThread() { omp_set_num_threads(before_); }

private:
    int before_;
};

std::string memory(const Rung& rung, std::int64_t tokens) {
    return rung.scratch ? fmt::format("{:.0f} KiB", rung.scratch(tokens) * sizeof(float) / 1024.0)
                        : "-";
}

}  // namespace

report::Table race(const std::vector<std::int64_t>& sizes, std::int64_t width, std::uint64_t seed) {
    const OneThread fair;
    random::TorchGenerator generator(seed);
    const auto random = [&](std::int64_t tokens) {
        Tensor x({tokens, width});
        generator.normal(x.values());
        return x;
    };
    report::Table table({"tokens", "step", "ms", "GFLOP/s", "table of scores", "error"});
    for (const std::int64_t tokens : sizes) {
        const Tensor q = random(tokens), k = random(tokens), v = random(tokens);
        const Tensor truth =
            ops::reference::attention(as_head(q), as_head(k), as_head(v), {}).reshape(v.shape());
        const double work = 4e-9 * static_cast<double>(tokens * tokens * width);
        for (const Rung& rung : rungs) {
            Tensor y;
            const double time = milliseconds([&] { y = rung.climb(q, k, v); });
            table.add({fmt::format("{}", tokens), rung.name, fmt::format("{:.1f}", time),
                       fmt::format("{:.1f}", work / time * 1e3), memory(rung, tokens),
                       fmt::format("{:.0e}", largest_error(y, truth))});
        }
    }
    return table;
}

}  // namespace ldm::attention::ladder
