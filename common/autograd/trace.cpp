#include "common/autograd/trace.h"

#include <ranges>
#include <utility>

namespace ldm {
namespace {

thread_local Trace* current_trace = nullptr;

}  // namespace

Trace::Trace(std::set<std::string> only) : only_(std::move(only)), outer_(current_trace) {
    current_trace = this;
}
Trace::~Trace() { current_trace = outer_; }

bool Trace::in_scope() { return current_trace != nullptr; }

Tensor Trace::find(const std::string& name) const {
    for (const Step& step : steps_ | std::views::reverse)
        if (step.name == name) return step.output;
    return {};
}

Tensor traced(const std::string& name, Tensor y) {
    if (tracing(name)) current_trace->steps_.push_back({name, y});
    return y;
}

bool tracing(const std::string& name) { return current_trace && current_trace->wants(name); }

}  // namespace ldm
