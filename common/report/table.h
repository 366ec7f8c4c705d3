#pragma once

#include <string>
#include <vector>

namespace ldm::report {

/// Rows of texts in columns. A column whose cells all look like numbers is aligned to the right.
class Table {
public:
    explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

    /// Adds a row; it has as many cells as the header, otherwise ldm::Error.
    void add(std::vector<std::string> row);

    /// For the terminal: columns two blanks apart, a line under the header.
    std::string text() const;

    /// For a README.
    std::string markdown() const;

private:
    bool is_numeric(std::size_t column) const;
    std::vector<std::size_t> widths() const;

    std::vector<std::string> header_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace ldm::report
