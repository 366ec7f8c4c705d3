#include "common/ops/nearest_row.h"

#include "common/ops/compute_context.h"
#include "common/ops/cpu/nearest_row.h"
#include "common/ops/cuda/nearest_row.h"
#include "common/ops/on_device.h"

namespace ldm::ops {

Tensor nearest_row(const Tensor& x, const Tensor& table) {
    const auto [points, width] = x.dims<2>();
    const auto [rows, table_width] = table.dims<2>();
    expect_shape(table, {rows, width});
    expect(rows > 0, "a table without rows");
    return OnDevice<cpu::nearest_row, cuda::nearest_row>()(x, table, compute_context());
}

}  // namespace ldm::ops
