#include "common/verify/component.h"

namespace ldm::verify {

Tensor Run::in(const std::string& name) const {
    Tensor x = find_in(name);
    if (!x) throw Error("missing input '" + name + "'");
    return x;
}

Tensor Run::find_in(const std::string& name) const {
    auto found = inputs_.find(name);
    return found == inputs_.end() ? Tensor() : found->second;
}

void Run::out(const std::string& name, const Tensor& y) { outputs_.insert_or_assign(name, y); }

void Run::out(const std::string& name, Shape shape, std::vector<double> numbers) {
    tables_.insert_or_assign(name, Values{std::move(shape), std::move(numbers)});
}

Component in_16_bits_too(std::function<void(Run&)> run, std::vector<std::string> f32_only_outputs) {
    Component component = std::move(run);
    component.has_16_bits = true;
    component.f32_only_outputs = std::move(f32_only_outputs);
    return component;
}

}  // namespace ldm::verify
