#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ldm::test {

/// Collects what something warns of.
struct Warnings {
    std::vector<std::string> lines;

    std::function<void(const std::string&)> warn() {
        return [this](const std::string& line) { lines.push_back(line); };
    }
};

}  // namespace ldm::test
