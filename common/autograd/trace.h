#pragma once

#include "common/tensor/tensor.h"

#include <string>
#include <vector>

namespace ldm {

/// While a Trace lives, every module that runs leaves its output here under the name that its
/// weights have in the checkpoint ("input_blocks.1.0"). It feeds `act/` of the reference cases and
/// the pictures of the chapters, and finds the first layer that differs.
class Trace {
public:
    Trace();
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    /// The output of the module of that name; empty when it did not run. A module that ran more
    /// than once is remembered by its last run.
    Tensor find(const std::string& name) const;

    struct Step {
        std::string name;
        Tensor output;
    };
    /// Everything in the order in which it was computed.
    const std::vector<Step>& steps() const { return steps_; }

private:
    friend Tensor traced(const std::string&, Tensor);
    std::vector<Step> steps_;
    Trace* outer_;
};

/// Hands y through, and leaves it on the Trace in scope if there is one.
Tensor traced(const std::string& name, Tensor y);

/// Whether somebody watches: for results that are only computed to be looked at.
bool tracing();

}  // namespace ldm
