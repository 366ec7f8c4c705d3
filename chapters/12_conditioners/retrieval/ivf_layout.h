#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ldm::conditioners {

/// Throws an Error unless `file` is what faiss::write_index makes of an IndexIVFFlat over `vectors`
/// vectors of `width` numbers with inner products, all of it and nothing more; `what` names the
/// file. FAISS's reader makes whatever a file asks for (another kind of index, any size, vectors in
/// a file elsewhere); after this check there is nothing left to ask for.
///
/// All little-endian: "IwFl" header nlist nprobe, the centres ("IxFI" header count numbers), an
/// empty direct map, the cells ("ilar" nlist code_size, "full" with the size of each cell or "sprs"
/// with number and size of those that are not empty), then for each cell its vectors and their ids.
/// From faiss/impl/index_write.cpp.
void expect_ivf_layout(std::span<const std::byte> file, std::int64_t vectors, std::int64_t width,
                       std::string_view what);

}  // namespace ldm::conditioners
