#include "common/verify/verify.h"

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/nn/recipe.h"
#include "common/ops/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

namespace ldm::verify {
namespace {

/// A file that breaks the format, as opposed to a component that does not manage it.
class BrokenFile : public Error {
    using Error::Error;
};

/// The parameters of a case, loaded once so that a Tape can watch the very tensors that are used.
std::map<std::string, Tensor> load_parameters(const Case& reference, Device device) {
    std::map<std::string, Tensor> parameters;
    for (const std::string& name : reference.names("param/"))
        parameters[name] = ops::to(reference.tensor("param/" + name), device);
    if (reference.recipe()) {
        nn::Checkpoint generated;
        nn::add_recipe(generated, *reference.recipe());
        for (const auto& [name, tensor] : generated.load_all()) parameters[name] = ops::to(tensor, device);
    }
    return parameters;
}

std::map<std::string, Tensor> load_inputs(const Case& reference, Device device) {
    std::map<std::string, Tensor> inputs;
    for (const std::string& name : reference.names("in/")) inputs[name] = ops::to(reference.tensor("in/" + name), device);
    return inputs;
}

/// Everything a component delivered, under the full names of the case file.
std::map<std::string, Values> execute(const Case& reference, const Component& component, Device device) {
    const auto inputs = load_inputs(reference, device);
    const auto parameters = load_parameters(reference, device);
    nn::Checkpoint checkpoint;
    for (const auto& [name, tensor] : parameters) checkpoint.add(name, tensor);
    Run run(reference, checkpoint, inputs);

    Tape tape;
    for (const std::string& name : reference.names("grad/in/")) tape.watch(inputs.at(name));
    std::vector<std::string> wanted = reference.names("grad/param/");
    for (const std::string& name : reference.names("gradprobe/param/")) wanted.push_back(name);
    for (const std::string& name : wanted) {
        if (!parameters.contains(name)) throw BrokenFile(fmt::format("a gradient of no parameter: '{}'", name));
        tape.watch(parameters.at(name));
    }

    std::unique_ptr<Trace> trace;
    if (const auto acts = reference.names("act/"); !acts.empty())
        trace = std::make_unique<Trace>(std::set(acts.begin(), acts.end()));
    component(run);
    checkpoint.check("the case");
    if (const auto unused = checkpoint.unused(); !unused.empty())
        throw BrokenFile(fmt::format("a parameter the component does not have: '{}'", unused.front()));

    std::map<std::string, Values> results;
    for (const std::string& name : reference.names("act/"))
        if (Tensor y = trace->find(name)) results["act/" + name] = values_of(y);
    for (const auto& [name, y] : run.outputs()) results["out/" + name] = values_of(y);
    for (const auto& [name, table] : run.tables()) results["out/" + name] = table;

    std::vector<std::pair<Tensor, Tensor>> loss;
    for (const std::string& name : reference.names("cotangent/")) {
        auto y = run.outputs().find(name);
        const Tensor r = ops::to(reference.tensor("cotangent/" + name), device);
        if (y == run.outputs().end() || y->second.shape() != r.shape()) return results;  // out/ fails
        loss.emplace_back(y->second, r);
    }
    if (loss.empty()) return results;
    const Gradients gradients = tape.backward(loss);
    for (const std::string& name : reference.names("grad/in/"))
        results["grad/in/" + name] = values_of(gradients.of(inputs.at(name)));
    for (const std::string& name : reference.names("grad/param/"))
        results["grad/param/" + name] = values_of(gradients.of(parameters.at(name)));
    for (const std::string& name : reference.names("gradprobe/param/"))
        results["gradprobe/param/" + name] = gradient_probe(name, gradients.of(parameters.at(name)));
    return results;
}

}  // namespace

std::optional<double> Comparison::ratio() const {
    if (!error || !tolerance.noise || *tolerance.noise == 0.0) return std::nullopt;
    return *error / *tolerance.noise;
}

Comparison compare(const std::string& name, const Values& expected, const Values* got, Tolerance tolerance) {
    Comparison result{.name = name, .tolerance = tolerance};
    if (!got) {
        result.reason = "missing";
    } else if (got->shape != expected.shape) {
        result.reason = fmt::format("shape {}, wanted {}", to_string(got->shape), to_string(expected.shape));
    } else if (!std::ranges::all_of(got->numbers, [](double v) { return std::isfinite(v); })) {
        result.reason = "not finite";
    } else {
        double error = 0.0;
        for (std::size_t i = 0; i < got->numbers.size(); ++i)
            error = std::max(error, std::abs(got->numbers[i] - expected.numbers[i]));
        result.error = error;
        result.passed = error <= tolerance.tol;
    }
    return result;
}

FileReport verify_file(const Registry& registry, const std::filesystem::path& path, Device device) {
    FileReport report{.file = path.string()};
    try {
        const Case reference(path);
        report.component = reference.component();
        report.situation = reference.situation();
        report.status = FileReport::Status::failed;
        auto component = registry.find(reference.component());
        if (component == registry.end()) throw Error(fmt::format("unknown component '{}'", reference.component()));

        const auto results = execute(reference, component->second, device);
        for (const std::string& name : reference.expected()) {
            auto got = results.find(name);
            report.comparisons.push_back(compare(name, reference.values(name), got == results.end() ? nullptr : &got->second,
                                                 reference.tolerance(name)));
        }
        auto failed = std::ranges::find_if(report.comparisons, [](const Comparison& c) { return !c.passed; });
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
