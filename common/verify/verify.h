#pragma once

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/verify/component.h"

namespace ldm::verify {

/// How one tensor of a case came out.
struct Comparison {
    /// "out/x", "grad/param/weight"
    std::string name;
    bool passed = false;
    /// largest difference; absent when nothing could be compared
    std::optional<double> error;
    /// in 16 bits only, where both are relative: see compare_in_16_bits()
    std::optional<double> rms;
    Tolerance tolerance;
    /// "missing", "shape [2, 3], wanted [2, 4]", "not finite" or empty
    std::string reason;

    /// The error in multiples of PyTorch's own float32 error.
    std::optional<double> ratio() const;
};

/// Compares by the pass rule: same shape, every number finite, largest difference within tol.
Comparison compare(const std::string& name, const Values& expected, const Values* got,
                   Tolerance tolerance);

/// Compares what a 16-bit type came to. The tolerance of a case belongs to float32; here both
/// errors are shares: `rms` is the root mean square of the differences over that of the expected
/// numbers, `error` the largest difference over the largest number. Both have to be within
/// bound_in_16_bits(), and every number finite.
Comparison compare_in_16_bits(const std::string& name, const Values& expected, const Values* got,
                              DType dtype);
double bound_in_16_bits(DType dtype);

/// How one file came out.
struct FileReport {
    /// f32_only: asked for in 16 bits, which this component does not have
    enum class Status { passed, failed, error, f32_only };
    std::string file, component, situation;
    Status status = Status::passed;
    /// why nothing was compared: a broken file, an unknown component or config
    std::string reason;
    std::vector<Comparison> comparisons;
    /// of everything that failed, what was computed first
    std::string first_diverging;
};

/// Runs one case on a device, gradients included; in f16 or bf16 forward only. Never throws for
/// what a file contains.
FileReport verify_file(const Registry& registry, const std::filesystem::path& path,
                       Device device = Device::cpu, DType dtype = DType::f32);

/// The gradient probe of reference_data/README.md: sum, norm, dot with fixed noise, 16 samples.
Values gradient_probe(const std::string& key, const Tensor& gradient);

void print_text(std::ostream& out, const FileReport& report);
io::Json to_json(const FileReport& report);

}  // namespace ldm::verify
