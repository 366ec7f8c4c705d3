#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/tensor/tensor.h"

namespace ldm {

/// While a Trace lives, every module that runs leaves its output here under the name that its
/// weights have in the checkpoint ("input_blocks.1.0"). It feeds `act/` of the reference cases and
/// the pictures of the chapters, and finds the first layer that differs.
class [[nodiscard]] Trace {
public:
    /// Remembers every module, or only those named: a full-size UNet would leave gigabytes.
    explicit Trace(std::set<std::string> only = {});
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    /// Whether there is a Trace.
    [[nodiscard]] static bool in_scope();

    /// The output of the module of that name; empty when it did not run. A module that ran more
    /// than once is remembered by its last run.
    [[nodiscard]] Tensor find(const std::string& name) const;

    struct Step {
        std::string name;
        Tensor output;
    };
    /// Everything in the order in which it was computed.
    const std::vector<Step>& steps() const { return steps_; }

private:
    friend Tensor traced(const std::string&, Tensor);
    friend bool tracing(const std::string&);
    bool wants(const std::string& name) const { return only_.empty() || only_.contains(name); }

    std::set<std::string> only_;
    std::vector<Step> steps_;
    Trace* outer_;
};

/// Hands y through, and leaves it on the Trace in scope if there is one.
[[nodiscard]] Tensor traced(const std::string& name, Tensor y);

/// Whether a Trace in scope records `name`: for results that are only computed to be shown.
[[nodiscard]] bool tracing(const std::string& name);

}  // namespace ldm
