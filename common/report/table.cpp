#include "common/report/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::report {
namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
    const std::string blanks(width - std::min(width, width_of(text)), ' ');
    return to_the_right ? blanks + text : text + blanks;
}

}  // namespace

void Table::add(std::vector<std::string> row) {
    expect(row.size() == header_.size(),
           fmt::format("expected {} cells, got {}", header_.size(), row.size()));
    rows_.push_back(std::move(row));
}

bool Table::is_numeric(std::size_t column) const {
    const auto numeric = [&](const auto& row) {
        const std::string& cell = row[column];
        return cell.empty() || cell == "-" ||
               cell.find_first_of("0123456789") <= cell.find_first_not_of("+-.x<");
    };
    return !rows_.empty() && std::all_of(rows_.begin(), rows_.end(), numeric);
}

std::vector<std::size_t> Table::widths() const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < header_.size(); ++c) {
        widths.push_back(width_of(header_[c]));
        for (const auto& row : rows_) widths[c] = std::max(widths[c], width_of(row[c]));
    }
    return widths;
}

std::string Table::text() const {
    const auto width = widths();
    std::string out;
    const auto add_line = [&](const std::vector<std::string>& cells) {
        std::string line;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            if (c > 0) line += "  ";
            line += padded(cells[c], width[c], is_numeric(c));
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    add_line(header_);
    std::vector<std::string> rules;
    for (const std::size_t w : width) rules.emplace_back(w, '-');
    add_line(rules);
    for (const auto& row : rows_) add_line(row);
    return out;
}

std::string Table::markdown() const {
    const auto width = widths();
    std::string out;
    const auto add_line = [&](const std::vector<std::string>& cells) {
        out += "|";
        for (std::size_t c = 0; c < cells.size(); ++c)
            out += fmt::format(" {} |", padded(cells[c], width[c], is_numeric(c)));
        out += "\n";
    };
    add_line(header_);
    out += "|";
    for (std::size_t c = 0; c < header_.size(); ++c)
        out += fmt::format("{}{}|", std::string(width[c] + 1, '-'), is_numeric(c) ? ":" : "-");
    out += "\n";
    for (const auto& row : rows_) add_line(row);
    return out;
}

}  // namespace ldm::report
