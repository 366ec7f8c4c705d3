#include "common/autograd/checkpoint.h"

#include <algorithm>
#include <unordered_set>

namespace ldm {

Tensor checkpoint(std::function<Tensor()> f) {
    // only to find out what f depends on
    Tape notes;
    if (!notes.outer_) return f();
    notes.live_.swap(notes.outer_->live_);
    struct GiveBack {
        Tape& from;
        ~GiveBack() {
            for (const Tape::Node& note : from.nodes_) from.live_.erase(note.output.id);
            from.live_.swap(from.outer_->live_);
        }
    };

    TensorIds used;
    Tensor y;
    bool depends = false;
    {
        const GiveBack afterwards{notes};
        y = f();
        Tape::Ids own, seen;
        for (const Tape::Node& note : notes.nodes_) own.insert(note.output.id);
        for (const Tape::Node& note : notes.nodes_)
            for (const TensorId& input : note.inputs)
                if (notes.live_.contains(input.id) && !own.contains(input.id) &&
                    seen.insert(input.id).second)
                    used.push_back(input);
        depends = own.contains(y.id());
    }
    // A result that f has not computed from anything live is a constant, or an input handed
    // through.
    if (depends) {
        notes.outer_->live_.insert(y.id());
        notes.outer_->nodes_.push_back({y, std::move(used), nullptr, std::move(f)});
    }
    return y;
}

}  // namespace ldm
