#include "common/io/torch_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "common/error.h"
#include "common/io/strided_copy.h"
#include "common/io/torch_globals.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

using Kind = PickleValue::Kind;
using Ids = std::vector<PickleId>;

constexpr int deepest_dictionary = 64;
constexpr std::size_t most_tensors = 100'000, most_keys = 1'000'000, longest_name = 1024;
constexpr std::size_t most_axes = 64;

/// The arguments of a call that makes a tensor.
struct TensorCall {
    std::span<const PickleId> arguments;
    /// with the type as an argument of its own (_rebuild_tensor_v3)
    bool has_dtype = false;
};

class Collector {
public:
    Collector(const Pickle& pickle, const FindStorage& find_storage, std::size_t most_copied,
              std::string_view what)
        : pickle_(pickle), find_storage_(find_storage), most_copied_(most_copied), what_(what) {}

    TensorFileContents collect() {
        const std::optional<Ids> root = pairs_of(pickle_.root);
        if (!root) fail("it holds no dictionary of tensors");
        PickleId tensors = pickle_.root;
        for (std::size_t i = 0; i + 1 < root->size(); i += 2) {
            const PickleValue &key = pickle_[(*root)[i]], &value = pickle_[(*root)[i + 1]];
            if (key.kind != Kind::text) continue;
            if (value.kind == Kind::text && text::is_valid_utf8(key.text) &&
                text::is_valid_utf8(value.text))
                contents_.metadata.emplace(key.text, value.text);
            if (key.text == "state_dict" && pairs_of((*root)[i + 1])) tensors = (*root)[i + 1];
        }
        add_dictionary(tensors, "", 0);
        if (contents_.entries.empty()) fail("it holds no tensor that has a name");
        return std::move(contents_);
    }

private:
    [[noreturn]] void fail(std::string_view trouble) const {
        throw Error(fmt::format("{}: {}", what_, trouble));
    }
    [[noreturn]] void fail(std::string_view name, std::string_view trouble) const {
        throw Error(fmt::format("{}: the tensor '{}' {}", what_, text::printable(name), trouble));
    }

    const PickleValue& callable(const PickleValue& call) const { return pickle_[call.callable]; }
    const Ids& arguments(const PickleValue& call) const { return pickle_[call.arguments].items; }

    // ---- dictionaries

    /// Keys and values by turns of a dictionary, OrderedDict, defaultdict or Counter.
    std::optional<Ids> plain_pairs(PickleId id) const {
        const PickleValue& value = pickle_[id];
        if (value.kind == Kind::dictionary) return value.items;
        if (value.kind != Kind::call) return std::nullopt;
        const bool known = is_global(callable(value), "collections.OrderedDict") ||
                           is_global(callable(value), "collections.defaultdict") ||
                           is_global(callable(value), "collections.Counter");
        if (!known) return std::nullopt;
        Ids pairs;
        // Python 2 hands them over as a list of pairs
        if (!arguments(value).empty())
            for (const PickleId pair : pickle_[arguments(value)[0]].items)
                if (const Ids& both = pickle_[pair].items; both.size() == 2)
                    pairs.insert(pairs.end(), both.begin(), both.end());
        pairs.insert(pairs.end(), value.items.begin(), value.items.end());
        return pairs;
    }

    /// The same, also of a torch.nn.ParameterDict, which has a dictionary in its state.
    std::optional<Ids> pairs_of(PickleId id) const {
        const PickleValue& value = pickle_[id];
        if (value.kind != Kind::call ||
            !is_global(callable(value), "torch.nn.modules.container.ParameterDict"))
            return plain_pairs(id);
        const Ids state = plain_pairs(value.state).value_or(Ids());
        for (std::size_t i = 0; i + 1 < state.size(); i += 2)
            if (pickle_[state[i]].kind == Kind::text && pickle_[state[i]].text == "_parameters")
                return plain_pairs(state[i + 1]);
        return std::nullopt;
    }

    static std::optional<std::string> name_of(const PickleValue& key) {
        if (key.kind == Kind::text) return std::string(key.text);
        if (key.kind == Kind::integer) return std::to_string(key.integer);
        return std::nullopt;
    }

    void add_dictionary(PickleId id, const std::string& prefix, int depth) {
        if (depth >= deepest_dictionary) fail("it has too many dictionaries within each other");
        const std::optional<Ids> pairs = pairs_of(id);
        if (!pairs) return;
        // a dictionary may be there many times by its number, and cost nothing each time
        keys_ += pairs->size() / 2;
        if (keys_ > most_keys) fail("it has more names than any checkpoint");
        for (std::size_t i = 0; i + 1 < pairs->size(); i += 2) {
            const std::optional<std::string> name = name_of(pickle_[(*pairs)[i]]);
            if (!name) continue;
            if (prefix.size() + name->size() > longest_name) fail("it has a name that is too long");
            const PickleId value = (*pairs)[i + 1];
            if (const std::optional<TensorCall> call = tensor_call(value))
                add_tensor(prefix + *name, *call);
            else
                add_dictionary(value, prefix + *name + ".", depth + 1);
        }
    }

    // ---- tensors

    /// The call that makes a tensor, without what is around it: a Parameter, a subclass.
    std::optional<TensorCall> tensor_call(PickleId id) const {
        constexpr int most_layers = 8;
        const PickleValue* call = &pickle_[id];
        for (int layer = 0; layer < most_layers && call->kind == Kind::call; ++layer) {
            const Ids* given = &arguments(*call);
            const PickleValue* function = &callable(*call);
            // (function, class, its arguments, attributes)
            if (is_global(*function, "torch._tensor._rebuild_from_type_v2") && given->size() >= 3) {
                function = &pickle_[(*given)[0]];
                given = &pickle_[(*given)[2]].items;
            }
            if (is_global(*function, "torch._utils._rebuild_tensor_v3"))
                return TensorCall{*given, true};
            if (is_global(*function, "torch._utils._rebuild_tensor_v2") ||
                is_global(*function, "torch._utils._rebuild_tensor"))
                return TensorCall{*given};
            const bool is_parameter =
                is_global(*function, "torch._utils._rebuild_parameter") ||
                is_global(*function, "torch._utils._rebuild_parameter_with_state");
            if (!is_parameter || given->empty()) return std::nullopt;
            call = &pickle_[(*given)[0]];
        }
        return std::nullopt;
    }

    /// Counts of a tuple, list or torch.Size.
    std::vector<std::int64_t> counts_of(PickleId id, const std::string& name) const {
        const PickleValue* value = &pickle_[id];
        if (value->kind == Kind::call && is_global(callable(*value), "torch.Size") &&
            arguments(*value).size() == 1)
            value = &pickle_[arguments(*value)[0]];
        const bool is_list = value->kind == Kind::tuple || value->kind == Kind::list;
        if (!is_list || value->items.size() > most_axes) fail(name, "has no shape or no strides");
        std::vector<std::int64_t> counts;
        for (const PickleId item : value->items) {
            if (pickle_[item].kind != Kind::integer || pickle_[item].integer < 0)
                fail(name, "has a shape or strides that are no counts");
            counts.push_back(pickle_[item].integer);
        }
        return counts;
    }

    /// Bits that say "take the numbers conjugated" or "negated", which are set on hardly any
    /// tensor.
    void expect_plain(const TensorCall& call, const std::string& name) const {
        const std::size_t place = call.has_dtype ? 7 : 6;
        if (call.arguments.size() <= place) return;
        const PickleValue& bits = pickle_[call.arguments[place]];
        if (bits.kind != Kind::none && !bits.items.empty())
            fail(name, "is stored negated or conjugated, which cannot be read");
    }

    DType type_of(const TensorCall& call, const TorchStorage& storage,
                  const std::string& name) const {
        const std::optional<DType> type =
            call.has_dtype ? torch_dtype(pickle_[call.arguments[6]]) : storage.type;
        if (!type) fail(name, "has a type that cannot be read");
        return *type;
    }

    void add_tensor(const std::string& name, const TensorCall& call) {
        if (contents_.entries.size() >= most_tensors) fail("it has more tensors than any model");
        if (!text::is_valid_utf8(name)) fail(name, "has a name that is not UTF-8");
        if (!names_.insert(name).second) fail(name, "is there twice");
        if (call.arguments.size() < (call.has_dtype ? 7u : 4u))
            fail(name, "lacks a shape or strides");
        const PickleValue& outside = pickle_[call.arguments[0]];
        const PickleValue& offset = pickle_[call.arguments[1]];
        if (outside.kind != Kind::outside || offset.kind != Kind::integer || offset.integer < 0)
            fail(name, "has no storage, or no place in it");
        expect_plain(call, name);
        const TorchStorage storage = torch_storage(pickle_, outside, what_);

        TensorEntry entry{.name = name, .dtype = type_of(call, storage, name)};
        entry.shape = counts_of(call.arguments[2], name);
        const auto strides = counts_of(call.arguments[3], name);
        if (strides.size() != entry.shape.size()) fail(name, "has no stride for each axis");
        const std::span<const std::byte> bytes = find_storage_(storage);
        const std::optional<StridedPlace> place = strided_place(
            entry.shape, strides, offset.integer, bytes.size() / size_of(entry.dtype));
        if (!place) fail(name, "reaches beyond its storage");
        set_numbers(entry, strides, *place, bytes);
        contents_.entries.push_back(std::move(entry));
    }

    /// Points the entry to its numbers in the file, or to a copy in their order.
    void set_numbers(TensorEntry& entry, const std::vector<std::int64_t>& strides,
                     const StridedPlace& place, std::span<const std::byte> storage) {
        const std::size_t size = size_of(entry.dtype);
        if (place.is_row_major) {
            entry.bytes = storage.subspan(place.first * size, place.count * size);
            return;
        }
        // first, for a stride of 0 makes any number of elements of one; no overflow: count < 2^60
        if (place.count * size > most_copied_ - copied_)
            fail(entry.name, "repeats its numbers and would be larger than the file");
        copied_ += place.count * size;
        contents_.copies.push_back(strided_copy(storage, size, entry.shape, strides, place));
        entry.bytes = contents_.copies.back();
    }

    const Pickle& pickle_;
    const FindStorage& find_storage_;
    std::size_t most_copied_, copied_ = 0;
    std::string_view what_;
    TensorFileContents contents_;
    std::unordered_set<std::string> names_;
    std::size_t keys_ = 0;
};

}  // namespace

TorchStorage torch_storage(const Pickle& pickle, const PickleValue& value, std::string_view what) {
    const Ids& parts = pickle[value.arguments].items;
    const auto fail = [&](std::string_view trouble) {
        throw Error(fmt::format("{}: {}", what, trouble));
    };
    if (parts.size() < 5 || pickle[parts[0]].text != "storage" ||
        pickle[parts[2]].kind != Kind::text || pickle[parts[4]].kind != Kind::integer ||
        pickle[parts[4]].integer < 0)
        fail("it refers to something that is no storage of numbers");
    // PyTorch before 0.4: a part of another storage
    if (parts.size() > 5 && pickle[parts[5]].kind != Kind::none)
        fail("it was written by a PyTorch before 0.4, which cannot be read");
    const PickleValue& type = pickle[parts[1]];
    TorchStorage storage{.key = pickle[parts[2]].text,
                         .type = torch_storage_type(type),
                         .count = static_cast<std::uint64_t>(pickle[parts[4]].integer)};
    if (!storage.type && !is_untyped_storage(type))
        fail(fmt::format("it has numbers in a '{}.{}', which cannot be read",
                         text::printable(type.text), text::printable(type.name)));
    return storage;
}

TensorFileContents collect_torch_tensors(const Pickle& pickle, const FindStorage& find_storage,
                                         std::size_t most_copied, std::string_view what) {
    return Collector(pickle, find_storage, most_copied, what).collect();
}

}  // namespace ldm::io
