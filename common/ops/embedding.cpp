#include "common/ops/embedding.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/embedding.h"
#include "common/ops/cuda/embedding.h"
#include "common/ops/on_device.h"
#include "common/ops/transfer.h"

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::embedding, cuda::embedding> rows_of;
constexpr OnDevice<cpu::embedding_backward, cuda::embedding_backward> rows_backward;

void expect_rows(const Tensor& ids, std::int64_t rows) {
    for (const std::int32_t *id = ids.ints(), *end = id + ids.size(); id < end; ++id)
        if (*id < 0 || *id >= rows)
            fail(fmt::format("id {} is not in a table of {} rows", *id, rows));
}

}  // namespace

Tensor embedding(const Tensor& ids, const Tensor& table) {
    const auto [rows, width] = table.dims<2>();
    if (ids.device() == Device::cpu) expect_rows(ids, rows);
    const Tensor beside_table = to(ids, table.device());
    Tensor y = rows_of(beside_table, table);
    record(y, {table}, [beside_table, shape = table.shape()](const Tensor& dy) -> Tensors {
        return {rows_backward(beside_table, dy, shape)};
    });
    return y;
}

}  // namespace ldm::ops
