#include "common/nn/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <utility>

#include "common/io/utf8.h"

namespace ldm::nn {

int edit_distance(std::string_view a, std::string_view b) {
    // distances from a's first i bytes to each prefix of b
    std::vector<int> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        int diagonal = std::exchange(row[0], static_cast<int>(i) + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const int replaced = diagonal + (a[i] != b[j]);
            diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
        }
    }
    return row.back();
}

std::string nearest_names(std::string_view name, const std::vector<std::string>& candidates) {
    std::vector<std::pair<int, std::string_view>> ranked;
    const auto most = static_cast<int>(name.size()) / 2;
    for (const std::string& candidate : candidates) {
        // a name of megabytes is far from every other: the distance is at least that of the lengths
        if (std::abs(std::ssize(candidate) - std::ssize(name)) > most) continue;
        const int distance = edit_distance(name, candidate);
        if (distance <= most) ranked.emplace_back(distance, candidate);
    }
    std::sort(ranked.begin(), ranked.end());
    std::string message;
    for (std::size_t i = 0; i < std::min<std::size_t>(2, ranked.size()); ++i)
        message +=
            fmt::format("{} '{}'", i == 0 ? ", nearest:" : ",", text::printable(ranked[i].second));
    return message;
}

}  // namespace ldm::nn
