#pragma once

#include <map>
#include <string>

#include "common/tensor/tensor.h"

namespace ldm::ddpm {

/// Weights by name.
using Weights = std::map<std::string, Tensor>;

/// The exponential moving average (EMA) of the weights that are trained: each update moves it a
/// little towards them,
///
///   shadow <- shadow - (1 - d) (shadow - weight),    d = min(decay, (1 + n) / (10 + n)),
///
/// n counting updates from 1. Pictures drawn with the average are better than those of the weights
/// of any single step. Without counting (`use_num_updates` false) n stays -1 and d is `decay`.
/// Upstream: ldm/modules/ema.py.
class LitEma {
public:
    /// Starts as a copy of `weights`: those that are trained, and no others.
    explicit LitEma(const Weights& weights, float decay = 0.9999f, bool use_num_updates = true);

    /// One step; `weights` must have the names and shapes of the constructor's, or it is an Error.
    void update(const Weights& weights);

    const Weights& shadow() const { return shadow_; }
    int num_updates() const { return *num_updates_.ints(); }

    /// All that it remembers, to be saved and read back in place: the shadow by its names, and
    /// num_updates. The memory is shared.
    Weights state() const;

    /// Writes the shadow over the numbers of `weights`, in place. store() first to restore() later.
    void copy_to(Weights& weights) const;
    void store(const Weights& weights);
    void restore(Weights& weights) const;

    /// The name of a shadow in a checkpoint: the weight's without its dots.
    static std::string buffer_name(std::string name);

private:
    float decay_;
    // int32 []
    Tensor num_updates_;
    Weights shadow_, stored_;
};

}  // namespace ldm::ddpm
