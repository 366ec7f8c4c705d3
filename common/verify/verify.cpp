#include "common/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/io/utf8.h"
#include "common/nn/recipe.h"
#include "common/ops/transfer.h"

namespace ldm::verify {
namespace {

/// A file that breaks the format, as opposed to a component that does not manage it.
class BrokenFile : public Error {
    using Error::Error;
};

using Named = std::map<std::string, Tensor>;

/// The parameters of a case, loaded once so that a Tape can watch the very tensors that are used.
Named load_parameters(const Case& reference, Device device) {
    Named parameters;
    for (const std::string& name : reference.names("param/"))
        parameters[name] = ops::to(reference.tensor("param/" + name), device);
    if (reference.recipe()) {
        nn::Checkpoint generated;
        nn::add_recipe(generated, *reference.recipe());
        for (const auto& [name, tensor] : generated.load_all())
            parameters[name] = ops::to(tensor, device);
    }
    return parameters;
}

/// Integers (tokens, labels, time steps) stay integers in every type.
Named load_inputs(const Case& reference, Device device, DType dtype) {
    Named inputs;
    for (const std::string& name : reference.names("in/")) {
        const Tensor x = ops::to(reference.tensor("in/" + name), device);
        inputs[name] = x.dtype() == DType::i32 ? x : ops::to(x, dtype);
    }
    return inputs;
}

/// Has the tape note what the case wants the gradients of.
void watch(Tape& tape, const Case& reference, const Named& inputs, const Named& parameters) {
    for (const std::string& name : reference.names("grad/in/")) tape.watch(inputs.at(name));
    std::vector<std::string> wanted = reference.names("grad/param/");
    for (const std::string& name : reference.names("gradprobe/param/")) wanted.push_back(name);
    for (const std::string& name : wanted) {
        if (!parameters.contains(name))
            throw BrokenFile(fmt::format("a gradient of no parameter: '{}'", name));
        tape.watch(parameters.at(name));
    }
}

/// Everything a component delivered, under the full names of the case file.
std::map<std::string, Values> execute(const Case& reference, const Component& component,
                                      Device device, DType dtype) {
    const auto inputs = load_inputs(reference, device, dtype);
    const auto parameters = load_parameters(reference, device);
    nn::Checkpoint checkpoint;
    for (const auto& [name, tensor] : parameters) checkpoint.add(name, tensor);
    const bool forward_only = dtype != DType::f32;
    // as `ldm txt2img --dtype` does
    if (forward_only) checkpoint.use({device, dtype});
    Run run(reference, checkpoint, inputs);

    Tape tape;
    if (!forward_only) watch(tape, reference, inputs, parameters);

    std::unique_ptr<Trace> trace;
    if (const auto acts = reference.names("act/"); !acts.empty())
        trace = std::make_unique<Trace>(std::set(acts.begin(), acts.end()));
    component.run(run);
    checkpoint.check("the case");
    if (const auto unused = checkpoint.unused(); !unused.empty())
        throw BrokenFile(
            fmt::format("a parameter the component does not have: '{}'", unused.front()));

    std::map<std::string, Values> results;
    for (const std::string& name : reference.names("act/"))
        if (Tensor y = trace->find(name)) results["act/" + name] = values_of(y);
    for (const auto& [name, y] : run.outputs()) results["out/" + name] = values_of(y);
    for (const auto& [name, table] : run.tables()) results["out/" + name] = table;

    if (forward_only) return results;
    std::vector<std::pair<Tensor, Tensor>> loss;
    for (const std::string& name : reference.names("cotangent/")) {
        auto y = run.outputs().find(name);
        const Tensor r = ops::to(reference.tensor("cotangent/" + name), device);
        // out/ fails
        if (y == run.outputs().end() || y->second.shape() != r.shape()) return results;
        loss.emplace_back(y->second, r);
    }
    if (loss.empty()) return results;
    const Gradients gradients = tape.backward(loss);
    for (const std::string& name : reference.names("grad/in/"))
        results["grad/in/" + name] = values_of(gradients.of(inputs.at(name)));
    for (const std::string& name : reference.names("grad/param/"))
        results["grad/param/" + name] = values_of(gradients.of(parameters.at(name)));
    for (const std::string& name : reference.names("gradprobe/param/"))
        results["gradprobe/param/" + name] =
            gradient_probe(name, gradients.of(parameters.at(name)));
    return results;
}

/// What is to be compared: everything, or what the forward pass has in 16 bits.
std::vector<std::string> wanted_of(const Case& reference, const Component& component, DType dtype) {
    std::vector<std::string> names = reference.expected();
    if (dtype == DType::f32) return names;
    std::erase_if(names, [](const std::string& name) { return name.starts_with("grad"); });
    for (const std::string& output : component.f32_only_outputs) std::erase(names, "out/" + output);
    return names;
}

}  // namespace

FileReport verify_file(const Registry& registry, const std::filesystem::path& path, Device device,
                       DType dtype) {
    FileReport report{.file = path.string()};
    try {
        const Case reference(path);
        report.component = reference.component();
        report.situation = reference.situation();
        report.status = FileReport::Status::failed;
        const auto known = registry.find(reference.component());
        if (known == registry.end())
            throw Error(
                fmt::format("unknown component '{}'", text::printable(reference.component())));
        const Component& component = known->second;
        if (dtype != DType::f32 && !component.has_16_bits) {
            report.status = FileReport::Status::f32_only;
            return report;
        }

        const auto results = execute(reference, component, device, dtype);
        for (const std::string& name : wanted_of(reference, component, dtype)) {
            const auto found = results.find(name);
            const Values* got = found == results.end() ? nullptr : &found->second;
            const Values expected = reference.values(name);
            report.comparisons.push_back(
                dtype == DType::f32 ? compare(name, expected, got, reference.tolerance(name))
                                    : compare_in_16_bits(name, expected, got, dtype));
        }
        auto failed =
            std::ranges::find_if(report.comparisons, [](const Comparison& c) { return !c.passed; });
        if (failed == report.comparisons.end())
            report.status = FileReport::Status::passed;
        else
            report.first_diverging = failed->name;
    } catch (const BrokenFile& error) {
        report.status = FileReport::Status::error;
        report.reason = fmt::format("{}: {}", path.string(), error.what());
    } catch (const std::exception& error) {
        // A Case that cannot be read throws before its component is known; its text has the file.
        if (report.component.empty()) report.status = FileReport::Status::error;
        report.reason = error.what();
    }
    return report;
}

}  // namespace ldm::verify
