#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/nn/weight.h"
#include "common/tensor/tensor.h"

namespace ldm::io {
class SafetensorsFile;
}

namespace ldm::nn {

class Params;

/// The weights of a model by their upstream names, and the account of who asked for what.
///
/// A model takes its weights in its constructor, through Params. A name that is missing or has
/// another shape is remembered, not thrown, so that check() can tell everything that is wrong with
/// a file in one message.
class Checkpoint {
public:
    Checkpoint() = default;
    // Params point here
    Checkpoint(const Checkpoint&) = delete;
    Checkpoint& operator=(const Checkpoint&) = delete;

    /// Weights that are loaded when a model asks for them.
    void add(std::string name, Shape shape, std::function<Tensor()> load);
    void add(std::string name, Tensor weights);

    /// What a model gets that asks for a name that is not here: for models that are only timed.
    void add_fallback(std::function<Tensor(const std::string& name, const Shape& shape)> make) {
        fallback_ = std::move(make);
    }

    /// Every floating-point tensor of a file; float32 stays where it is, in the mapped file.
    void add(const io::SafetensorsFile& file);

    /// Hands all weights over to another checkpoint under other names.
    void move_to(Checkpoint& other, const std::function<std::string(std::string)>& new_name);

    /// From now on hands out unwritten memory instead of weights: for building a model
    /// only to see whether everything is there. `false`: weights again.
    void load_nothing(bool nothing = true) { load_nothing_ = nothing; }

    /// From now on hands out weights on that device, in that type; else they stay what they are.
    struct Place {
        Device device = Device::cpu;
        DType dtype = DType::f32;
    };
    void use(Place place) { place_ = place; }
    Place place() const { return place_.value_or(Place()); }

    /// From now on the matrices of layers (Params::weight()) are handed out frozen: for a model
    /// that is only used. Of a file they stay in its type, in the mapped file, until a product has
    /// read them; those that somebody else can write to stay as they are.
    void freeze() { frozen_ = true; }

    /// Sees the weights of that name, if there are any, under another shape of the same size.
    void reshape(std::string_view name, const std::function<Shape(Shape)>& new_shape);

    Params root();

    bool contains(std::string_view name) const { return slots_.contains(name); }
    std::vector<std::string> names() const;

    /// How many tensors, and how many numbers in them, have names that begin with `prefix`.
    std::pair<std::size_t, std::size_t> count(std::string_view prefix) const;

    /// Every tensor, loaded, by name; counts as asked for.
    std::map<std::string, Tensor> load_all();

    /// Throws one readable Error that lists what was asked for and missing (with the nearest names
    /// that were not asked for) or misshapen. `what` names the file or model.
    void check(const std::string& what) const;

    /// Every name that was asked for, whether it was there or not.
    const std::set<std::string, std::less<>>& asked() const { return asked_; }

    /// Names below `prefix` that were not asked for.
    std::vector<std::string> unused(std::string_view prefix = "") const;

private:
    friend class Params;
    Tensor take(const std::string& name, const Shape& expected);
    Weight take_weight(const std::string& name, const Shape& expected);

    /// What is wanted of weights: where; without a place as they are.
    struct Wanted {
        std::optional<Place> place;
        // in the type of the file, in its mapping, if they lie in one
        bool as_stored = false;
    };
    struct Loaded {
        Tensor numbers;
        // says that they will not be read for now, if they lie in a mapped file
        std::function<void()> unused = {};
    };
    using Load = std::function<Loaded(const Wanted&)>;
    struct Slot {
        Shape shape;
        Load load;
    };
    void add_slot(std::string name, Shape shape, Load load);
    struct Problem {
        std::string name;
        Shape expected;
    };
    std::map<std::string, Slot, std::less<>> slots_;
    std::function<Tensor(const std::string&, const Shape&)> fallback_;
    std::set<std::string, std::less<>> asked_;
    std::vector<Problem> problems_;
    bool load_nothing_ = false, frozen_ = false;
    std::optional<Place> place_;
};

/// A folder in a checkpoint: `weights / "in_layers" / 2` is where "in_layers.2.weight" and
/// "in_layers.2.bias" are. This is how a C++ member gets its upstream name, once.
class Params {
public:
    Params operator/(std::string_view name) const;
    Params operator/(int index) const { return *this / std::to_string(index); }

    /// "input_blocks.1.0"; what the module that lives here is called in a Trace.
    const std::string& path() const { return path_; }

    /// The weights of that name, which should have this shape.
    [[nodiscard]] Tensor get(std::string_view name, const Shape& shape) const;

    /// The same as the matrix of a layer: frozen, if the checkpoint was told to.
    [[nodiscard]] Weight weight(std::string_view name, const Shape& shape) const;

    /// Whether the checkpoint has a tensor of that name here.
    bool contains(std::string_view name) const;

private:
    friend class Checkpoint;
    Params(Checkpoint* checkpoint, std::string path)
        : checkpoint_(checkpoint), path_(std::move(path)) {}
    std::string full(std::string_view name) const;

    Checkpoint* checkpoint_;
    std::string path_;
};

}  // namespace ldm::nn
