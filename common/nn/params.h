#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/nn/weight.h"
#include "common/tensor/tensor.h"

namespace ldm::io {
class MappedFile;
struct TensorEntry;
class TensorFile;
}  // namespace ldm::io

namespace ldm::nn {

class Params;

/// The weights of a model by their upstream names, and which of them were asked for.
///
/// A model takes its weights in its constructor, through Params. A name that is missing or has
/// another shape is remembered, not thrown, so that check() can list such weights in one message.
class Checkpoint {
public:
    Checkpoint() = default;
    // Params point here
    Checkpoint(const Checkpoint&) = delete;
    Checkpoint& operator=(const Checkpoint&) = delete;

    /// Weights that are loaded when a model asks for them. Each add() throws an Error for a name
    /// that was added before.
    void add(std::string name, Shape shape, std::function<Tensor()> load);
    void add(std::string name, Tensor weights);

    /// Makes the weights of every name that was not added, which then is not missing: for models
    /// that are only timed.
    void add_fallback(std::function<Tensor(const std::string& name, const Shape& shape)> make) {
        fallback_ = std::move(make);
    }

    /// Every floating-point tensor of a file; integer tensors are skipped. float32 stays where it
    /// is, in the mapped file. 8-bit floats are handed out as float16 where 16 bits may be, else as
    /// float32; both have each of their numbers.
    void add(const io::TensorFile& file);

    /// Moves all weights to another checkpoint under other names, and leaves none here. Throws an
    /// Error for a name that is taken there.
    void move_to(Checkpoint& other, const std::function<std::string(std::string)>& new_name);

    /// Forgets all weights whose names begin with `prefix`, a string ("decoder.").
    void remove(std::string_view prefix);

    /// From now on hands out uninitialized tensors instead of weights: for building a model only to
    /// see whether everything is there. `false`: weights again.
    void load_nothing(bool nothing = true) { load_nothing_ = nothing; }

    /// From now on hands out weights on that device, in that type. Without it: on the CPU, a file's
    /// as float32.
    struct Place {
        Device device = Device::cpu;
        DType dtype = DType::f32;
    };
    void use(Place place) { place_ = place; }
    Place place() const { return place_.value_or(Place()); }

    /// From now on the matrices of layers (Params::weight()) are handed out frozen (FrozenWeight):
    /// for a model that is only used. Only for f32 on the CPU; elsewhere it changes nothing. Those
    /// of a file stay in its type, in the mapped file, until a product has read them; those that
    /// somebody else can write to are not frozen.
    void freeze() { frozen_ = true; }

    /// Gives the weights of that name, if there are any, another shape: `new_shape` turns the
    /// stored shape into one of the same size.
    void reshape(std::string_view name, const std::function<Shape(Shape)>& new_shape);

    Params root();

    bool contains(std::string_view name) const { return slots_.contains(name); }
    std::vector<std::string> names() const;

    /// How many tensors, and how many numbers in them, have names that begin with `prefix`, a
    /// string: pass "decoder." for the module.
    std::pair<std::size_t, std::size_t> count(std::string_view prefix) const;

    /// Every tensor, loaded, by name; counts as asked for.
    std::map<std::string, Tensor> load_all();

    /// Throws one Error that lists what was asked for and is missing (with the nearest names that
    /// were not asked for) or has another shape: the first 8, and how many more. `what` names the
    /// file or model.
    void check(const std::string& what) const;

    /// Every name that was asked for, whether it was there or not.
    const std::set<std::string, std::less<>>& asked() const { return asked_; }

    /// Names that begin with `prefix`, a string (pass "decoder." for the module), and were not
    /// asked for.
    std::vector<std::string> unused(std::string_view prefix = "") const;

private:
    friend class Params;
    Tensor load(const std::string& name, const Shape& expected);
    Weight load_weight(const std::string& name, const Shape& expected);

    /// In what form weights are wanted.
    struct Wanted {
        // empty: on the CPU, of a file as float32
        std::optional<Place> place;
        // in the type of the file, in its mapping, if they lie in one
        bool as_stored = false;
    };
    struct Loaded {
        Tensor numbers;
        // gives back the memory of their part of a mapped file; empty if they lie in none
        std::function<void()> unused = {};
    };
    using Load = std::function<Loaded(const Wanted&)>;
    struct Slot {
        Shape shape;
        Load load;
    };
    static Loaded load_entry(const io::TensorEntry& entry,
                             const std::shared_ptr<const io::MappedFile>& mapping,
                             const Wanted& wanted);
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

/// A prefix of names in a checkpoint: `weights / "in_layers" / 2` is that of "in_layers.2.weight"
/// and "in_layers.2.bias". This is how a C++ member gets its upstream name, once.
class Params {
public:
    Params operator/(std::string_view name) const;
    Params operator/(int index) const { return *this / std::to_string(index); }

    /// The prefix, "input_blocks.1.0"; also the name of the module's output in a Trace.
    const std::string& path() const { return path_; }

    /// The weights of that name below the prefix. If they are missing or have another shape, that
    /// is remembered for Checkpoint::check(), and an uninitialized tensor of `shape` is returned:
    /// call check() before use.
    [[nodiscard]] Tensor get(std::string_view name, const Shape& shape) const;

    /// The same as the matrix of a layer: frozen after Checkpoint::freeze().
    [[nodiscard]] Weight weight(std::string_view name, const Shape& shape) const;

    /// Whether the checkpoint has a tensor of that name below the prefix.
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
