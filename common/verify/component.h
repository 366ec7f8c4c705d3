#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/nn/params.h"
#include "common/verify/case.h"

namespace ldm::verify {

/// One execution of a component: what the case gives, and where the results go.
class Run {
public:
    Run(const Case& reference, nn::Checkpoint& checkpoint, std::map<std::string, Tensor> inputs)
        : case_(reference), checkpoint_(checkpoint), inputs_(std::move(inputs)) {}

    const io::Json& config() const { return case_.config(); }

    /// The parameters, by their upstream names.
    nn::Params params() const { return checkpoint_.root(); }

    /// An input. in() throws an Error that names a missing one, find_in() returns an empty Tensor.
    Tensor in(const std::string& name) const;
    Tensor find_in(const std::string& name) const;

    /// Hands over a result; `name` without "out/".
    void out(const std::string& name, const Tensor& y);
    void out(const std::string& name, Shape shape, std::vector<double> numbers);

    /// Whether the case wants this result, for those that are costly to compute.
    bool wants(const std::string& name) const { return case_.contains("out/" + name); }

    const std::map<std::string, Tensor>& outputs() const { return outputs_; }
    const std::map<std::string, Values>& tables() const { return tables_; }

private:
    const Case& case_;
    nn::Checkpoint& checkpoint_;
    std::map<std::string, Tensor> inputs_;
    std::map<std::string, Tensor> outputs_;
    std::map<std::string, Values> tables_;
};

/// Builds what the case describes, runs it on the inputs, hands over the outputs. Throws an Error
/// that names a config key or value it does not support.
struct Component {
    Component() = default;
    Component(std::convertible_to<std::function<void(Run&)>> auto f) : run(std::move(f)) {}

    std::function<void(Run&)> run;
    bool has_16_bits = false;
    std::vector<std::string> f32_only_outputs;
};

/// A component that also computes in f16 and bf16 on a GPU: what a picture is drawn with, as
/// opposed to tables, losses, and whatever counts. It gets inputs and weights of that type. Some
/// outputs may be left out then: those that are for training, and differences that 16 bits do not
/// have.
Component in_16_bits_too(std::function<void(Run&)> run,
                         std::vector<std::string> f32_only_outputs = {});

/// The components that `ldm verify` knows, by the names of the cases.
using Registry = std::map<std::string, Component>;

}  // namespace ldm::verify
