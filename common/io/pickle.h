#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ldm::io {

/// The number of a value in Pickle::values: values contain each other by number, so a value may be
/// in several others, or in itself.
using PickleId = std::uint32_t;

/// What one value of a pickle is, as it is written there. Nothing is called and nothing imported:
/// where Python would call a function, there is a value that says so.
struct PickleValue {
    enum class Kind {
        none,
        boolean,
        integer,
        /// an integer of more than 64 bits; its bytes are `text`
        large_integer,
        real,
        text,
        bytes,
        tuple,
        list,
        dictionary,
        set,
        /// a function or class: `text` is its module, `name` its name
        global,
        /// what `callable` would give for the tuple `arguments`
        call,
        /// something outside of the pickle, which `arguments` names (a "persistent id")
        outside,
    };
    Kind kind = Kind::none;
    /// of a boolean or an integer
    std::int64_t integer = 0;
    std::string_view text = {}, name = {};
    /// elements of a tuple, list or set. Of a dictionary, and of a call for what is put into its
    /// result: keys and values by turns, in the order written, so that one key may be there twice
    std::vector<PickleId> items = {};
    /// `state` is what the result of a call is to be filled with; 0, which is None, if nothing
    PickleId callable = 0, arguments = 0, state = 0;
};

struct Pickle {
    std::vector<PickleValue> values;
    PickleId root = 0;
    /// of the bytes: where the pickle ends
    std::size_t length = 0;

    const PickleValue& operator[](PickleId id) const { return values[id]; }
};

/// What read_pickle takes at most. The instructions bound its memory, for each makes at most one
/// value; a checkpoint of Stable Diffusion has some 50,000, with its optimizer some 200,000.
inline constexpr std::size_t largest_pickle = 100'000'000;
inline constexpr std::size_t most_pickle_instructions = 2'000'000;

/// Reads the pickle that `bytes` begin with; the texts of its values are views into `bytes`. It
/// knows the binary instructions of protocols 2 to 5, as Python's pickle module writes them, and
/// never executes anything. Throws an ldm::Error that begins with `what` for everything else: a cut
/// or malformed pickle, other instructions, limits.
/// https://docs.python.org/3/library/pickletools.html
[[nodiscard]] Pickle read_pickle(std::span<const std::byte> bytes, std::string_view what);

}  // namespace ldm::io
