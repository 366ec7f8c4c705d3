#include "chapters/07_unet/conditioning.h"

#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::unet {
namespace {

constexpr const char* different = "two conditionings of one batch must be of the same kinds";

template <class Change>
Conditioning changed(const Conditioning& given, const Change& change) {
    Conditioning result;
    for (const Tensor& part : given.concat) result.concat.push_back(change(part));
    for (const Tensor& part : given.crossattn) result.crossattn.push_back(change(part));
    return result;
}

std::vector<Tensor> joined(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    expect(a.size() == b.size(), different);
    std::vector<Tensor> both;
    for (std::size_t i = 0; i < a.size(); ++i) both.push_back(ops::concat({a[i], b[i]}, 0));
    return both;
}

}  // namespace

Tensor joined_labels(const std::vector<Tensor>& labels) {
    std::vector<std::int32_t> all;
    for (const Tensor& some : labels) {
        const Tensor y = ops::to(some, Device::cpu);
        all.insert(all.end(), y.ints(), y.ints() + y.size());
    }
    return ops::to(Tensor::ints({std::ssize(all)}, all), labels.at(0).device());
}

Conditioning as_one_batch(const Conditioning& a, const Conditioning& b) {
    expect(static_cast<bool>(a.y) == static_cast<bool>(b.y), different);
    return {joined(a.concat, b.concat), joined(a.crossattn, b.crossattn),
            a.y ? joined_labels({a.y, b.y}) : Tensor()};
}

Conditioning repeated(const Conditioning& one, std::int64_t n) {
    Conditioning many = changed(one, [n](const Tensor& part) {
        Shape shape = part.shape();
        shape[0] = n;
        return ops::broadcast_to(part, shape);
    });
    if (one.y) many.y = joined_labels(std::vector(n, one.y));
    return many;
}

Conditioning as_type(const Conditioning& given, DType dtype) {
    Conditioning result =
        changed(given, [dtype](const Tensor& part) { return ops::to(part, dtype); });
    result.y = given.y;
    return result;
}

}  // namespace ldm::unet
