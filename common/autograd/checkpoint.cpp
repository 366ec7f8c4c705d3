#include "common/autograd/checkpoint.h"

#include <algorithm>
#include <unordered_set>

namespace ldm {

Tensor checkpoint(std::function<Tensor()> f) {
    // only to find out what f depends on
    Tape inner;
    if (!inner.outer_) return f();
    inner.live_.swap(inner.outer_->live_);
    struct GiveBack {
        Tape& from;
        ~GiveBack() {
            for (const Tape::Node& node : from.nodes_) from.live_.erase(node.output.id);
            from.live_.swap(from.outer_->live_);
        }
    };

    TensorIds used;
    Tensor y;
    bool depends = false;
    {
        const GiveBack afterwards{inner};
        y = f();
        Tape::Ids own, seen;
        for (const Tape::Node& node : inner.nodes_) own.insert(node.output.id);
        for (const Tape::Node& node : inner.nodes_)
            for (const TensorId& input : node.inputs)
                if (inner.live_.contains(input.id) && !own.contains(input.id) &&
                    seen.insert(input.id).second)
                    used.push_back(input);
        depends = own.contains(y.id());
    }
    // A result that f has not computed from anything live is a constant, or an input handed
    // through.
    if (depends) {
        inner.outer_->live_.insert(y.id());
        inner.outer_->nodes_.push_back({y, std::move(used), nullptr, std::move(f)});
    }
    return y;
}

}  // namespace ldm
