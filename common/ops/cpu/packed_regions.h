#pragma once

#include <algorithm>
#include <cstdint>

#include "common/ops/cpu/packed_kernel.h"

/// How a matrix product is cut up: into regions, which the threads take one after the other, and a
/// region into blocks, which fit into a thread's cache.
namespace ldm::ops::cpu::packed {

inline constexpr std::int64_t depth_block = 512;
// a block of A [row_block, depth_block] and one of B [depth_block, column_block] fit into L2
inline constexpr std::int64_t row_block = 16 * tile_rows;
inline constexpr std::int64_t column_block = 16 * tile_columns;

/// A piece of the result that one thread computes on its own.
struct Region {
    std::int64_t first_row, last_row, first_column, last_column;
};

/// How many rows and columns each region has: regions are as square as they can be, so that little
/// is packed twice, and a few for each thread, so that a thread that is held up holds up nobody.
struct Regions {
    // size of the result
    std::int64_t rows, columns;
    // rows and columns of a region
    std::int64_t high, wide;

    Regions(std::int64_t rows, std::int64_t columns, std::int64_t threads)
        : rows(rows), columns(columns) {
        const auto in_tiles = [](std::int64_t n, std::int64_t parts, std::int64_t tile) {
            const std::int64_t part = (n + parts - 1) / parts;
            return (part + tile - 1) / tile * tile;
        };
        std::int64_t down = 1, across = (columns + column_block - 1) / column_block;
        const std::int64_t enough = threads == 1 ? 1 : 4 * threads;
        while (down * across < enough) {
            const bool can_cut_rows = rows / down > 4 * tile_rows;
            const bool can_cut_columns = columns / across > 4 * tile_columns;
            if (can_cut_rows && (rows / down >= columns / across || !can_cut_columns))
                down *= 2;
            else if (can_cut_columns)
                across *= 2;
            else
                break;
        }
        high = in_tiles(rows, down, tile_rows);
        wide = in_tiles(columns, across, tile_columns);
    }

    std::int64_t down() const { return (rows + high - 1) / high; }
    std::int64_t count() const { return down() * ((columns + wide - 1) / wide); }
    Region operator[](std::int64_t i) const {
        const std::int64_t row = i % down() * high, column = i / down() * wide;
        return {row, std::min(rows, row + high), column, std::min(columns, column + wide)};
    }
};

}  // namespace ldm::ops::cpu::packed
