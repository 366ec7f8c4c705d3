#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ldm::image {

enum class ByteOrder { little_endian, big_endian };

/// Numbers at offsets into bytes that nobody has checked: nothing beyond the end.
class ByteReader {
public:
    ByteReader(std::span<const std::byte> bytes, ByteOrder order) : bytes_(bytes), order_(order) {}

    /// The unsigned number of `size` bytes (1 to 4) at `offset`; nothing where the bytes end
    /// before.
    std::optional<std::uint32_t> number(std::size_t offset, std::size_t size) const {
        if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const std::size_t k = order_ == ByteOrder::big_endian ? i : size - 1 - i;
            value = value << 8 | std::to_integer<std::uint32_t>(bytes_[offset + k]);
        }
        return value;
    }

private:
    std::span<const std::byte> bytes_;
    ByteOrder order_;
};

}  // namespace ldm::image
