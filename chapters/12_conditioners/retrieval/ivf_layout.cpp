#include "chapters/12_conditioners/retrieval/ivf_layout.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "common/error.h"

namespace ldm::conditioners {
namespace {

/// Reads numbers one after the other; an Error where the file ends before.
class Cursor {
public:
    Cursor(std::span<const std::byte> file, std::string_view what) : rest_(file), what_(what) {}

    std::span<const std::byte> bytes(std::uint64_t count) {
        if (count > rest_.size()) fail("cut short");
        const auto taken = rest_.first(static_cast<std::size_t>(count));
        rest_ = rest_.subspan(static_cast<std::size_t>(count));
        return taken;
    }

    template <typename T>
    T number() {
        T value;
        std::memcpy(&value, bytes(sizeof(T)).data(), sizeof(T));
        return value;
    }

    /// Four letters that say what follows.
    std::string_view name() { return {reinterpret_cast<const char*>(bytes(4).data()), 4}; }

    std::uint64_t left() const { return rest_.size(); }

    void expect_that(bool holds, std::string_view otherwise) const {
        if (!holds) fail(otherwise);
    }

private:
    [[noreturn]] void fail(std::string_view why) const {
        throw Error(fmt::format("{}: {}", what_, why));
    }

    std::span<const std::byte> rest_;
    std::string_view what_;
};

constexpr std::string_view other = "no inverted file of FAISS (IVF,Flat with inner products)";

struct Extent {
    std::int64_t vectors;
    std::int32_t width;
};

/// What all of FAISS's indices begin with.
Extent read_header(Cursor& file) {
    const auto width = file.number<std::int32_t>();
    const auto vectors = file.number<std::int64_t>();
    file.bytes(2 * sizeof(std::int64_t));  // no longer used
    file.expect_that(file.number<std::uint8_t>() == 1, "an inverted file that was not trained");
    constexpr std::int32_t inner_product = 0;
    file.expect_that(file.number<std::int32_t>() == inner_product, other);
    return {vectors, width};
}

/// Every number of a cell, and how many there are in all of them.
std::uint64_t read_cell_sizes(Cursor& file, std::uint64_t nlist, std::uint64_t most) {
    const std::string_view form = file.name();
    const bool sparse = form == "sprs";
    file.expect_that(sparse || form == "full", other);
    const auto count = file.number<std::uint64_t>();
    file.expect_that(sparse ? count % 2 == 0 && count / 2 <= nlist : count == nlist,
                     "it has the sizes of other cells");
    std::vector<bool> seen(static_cast<std::size_t>(nlist));
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < (sparse ? count / 2 : count); ++i) {
        const std::uint64_t cell = sparse ? file.number<std::uint64_t>() : i;
        file.expect_that(cell < nlist && !seen[static_cast<std::size_t>(cell)],
                         "it has the sizes of other cells");
        seen[static_cast<std::size_t>(cell)] = true;
        const auto size = file.number<std::uint64_t>();
        file.expect_that(size <= most - sum, "its cells hold more vectors than there are");
        sum += size;
    }
    return sum;
}

}  // namespace

void expect_ivf_layout(std::span<const std::byte> bytes, std::int64_t vectors, std::int64_t width,
                       std::string_view what) {
    Cursor file(bytes, what);
    file.expect_that(file.name() == "IwFl", other);
    const Extent all = read_header(file);
    file.expect_that(all.vectors == vectors && all.width == width,
                     fmt::format("it belongs to {} vectors of {} numbers, and there are {} of {}",
                                 all.vectors, all.width, vectors, width));
    const auto nlist = file.number<std::uint64_t>(), nprobe = file.number<std::uint64_t>();
    file.expect_that(nlist >= 1 && nlist <= static_cast<std::uint64_t>(vectors) && nprobe >= 1 &&
                         nprobe <= nlist,
                     "its numbers of cells cannot be");

    file.expect_that(file.name() == "IxFI", other);
    const Extent centres = read_header(file);
    file.expect_that(
        centres.vectors == static_cast<std::int64_t>(nlist) && centres.width == all.width,
        "its centres are those of other cells");
    const std::uint64_t numbers = nlist * static_cast<std::uint64_t>(width);
    file.expect_that(file.number<std::uint64_t>() == numbers, "it has other centres than cells");
    file.bytes(numbers * sizeof(float));

    constexpr std::uint8_t none = 0;
    file.expect_that(file.number<std::uint8_t>() == none && file.number<std::uint64_t>() == 0,
                     other);
    file.expect_that(file.name() == "ilar", other);
    const std::uint64_t code_size = static_cast<std::uint64_t>(width) * sizeof(float);
    file.expect_that(
        file.number<std::uint64_t>() == nlist && file.number<std::uint64_t>() == code_size,
        "its cells hold something else than these vectors");
    const auto count = static_cast<std::uint64_t>(vectors);
    file.expect_that(read_cell_sizes(file, nlist, count) == count,
                     "its cells hold fewer vectors than there are");
    file.bytes(count * (code_size + sizeof(std::int64_t)));
    file.expect_that(file.left() == 0, "something follows behind the last vector");
}

}  // namespace ldm::conditioners
