#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/tensor/tensor.h"

namespace ldm::verify {

/// Any tensor to be compared, of any element type.
struct Values {
    Shape shape;
    std::vector<double> numbers;
};

Values values_of(const Tensor& x);

struct Tolerance {
    double tol;
    /// how far PyTorch's own float32 is from float64
    std::optional<double> noise;
};

/// One reference case: a safetensors file with the settings, parameters, inputs and expected
/// results of one component (`ldm-case v1`, described in reference_data/README.md).
class Case {
public:
    /// Throws a one-line Error that names the file and the offending key when it breaks the format.
    explicit Case(const std::filesystem::path& path);

    const std::string& component() const { return component_; }
    const std::string& situation() const { return situation_; }
    std::string name() const { return component_ + "." + situation_; }
    const io::Json& config() const { return config_; }
    const std::optional<io::Json>& recipe() const { return recipe_; }
    const io::TensorFile& file() const { return file_; }

    /// The names behind a prefix, in alphabetical order: names("in/") of in/x, in/emb is emb, x.
    std::vector<std::string> names(std::string_view prefix) const;

    /// A tensor by its full name, as float32 or int32.
    Tensor tensor(const std::string& name) const;
    Values values(const std::string& name) const;
    bool contains(const std::string& name) const { return file_.contains(name); }

    /// Full names of everything to compare: act, out, grad/in, grad/param, gradprobe, by name.
    std::vector<std::string> expected() const;
    Tolerance tolerance(const std::string& name) const;

private:
    std::string metadata(const std::string& key) const;
    [[noreturn]] void broken(const std::string& what, const std::string& key) const;

    io::TensorFile file_;
    std::string component_, situation_;
    io::Json config_, tolerance_;
    std::optional<io::Json> recipe_;
};

}  // namespace ldm::verify
