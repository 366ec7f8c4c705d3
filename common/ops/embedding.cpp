#include "common/ops/embedding.h"

#include "common/autograd/tape.h"

#include <fmt/format.h>

namespace ldm::ops {

Tensor embedding(const Tensor& ids, const Tensor& table) {
    const auto [rows, width] = table.dims<2>();
    Shape shape = ids.shape();
    shape.push_back(width);
    Tensor y(shape);
    for (std::int64_t i = 0; i < ids.size(); ++i) {
        const std::int64_t id = ids.ints()[i];
        if (id < 0 || id >= rows) fail(fmt::format("id {} is not in a table of {} rows", id, rows));
        std::copy_n(table.data() + id * width, width, y.data() + i * width);
    }
    record(y, {table}, [ids, shape = table.shape()](const Tensor& dy) -> Tensors {
        Tensor dtable = Tensor::zeros(shape);
        for (std::int64_t i = 0; i < ids.size(); ++i)
            for (std::int64_t j = 0; j < shape[1]; ++j)
                dtable.data()[ids.ints()[i] * shape[1] + j] += dy.data()[i * shape[1] + j];
        return {dtable};
    });
    return y;
}

}  // namespace ldm::ops
