#include "common/io/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <unordered_map>

#include "common/error.h"

namespace ldm::io {
namespace {

using Kind = PickleValue::Kind;

static_assert(std::endian::native == std::endian::little, "pickles are little-endian");

// Instructions by their names in Python's pickletools.
enum Instruction : unsigned char {
    mark = '(',
    stop = '.',
    pop = '0',
    pop_mark = '1',
    duplicate = '2',
    binfloat = 'G',
    binint = 'J',
    binint1 = 'K',
    binint2 = 'M',
    none = 'N',
    binpersid = 'Q',
    reduce = 'R',
    binstring = 'T',
    short_binstring = 'U',
    binunicode = 'X',
    append = 'a',
    build = 'b',
    global = 'c',
    dict = 'd',
    appends = 'e',
    binget = 'h',
    long_binget = 'j',
    list = 'l',
    binput = 'q',
    long_binput = 'r',
    setitem = 's',
    tuple = 't',
    setitems = 'u',
    empty_dict = '}',
    empty_list = ']',
    empty_tuple = ')',
    binbytes = 'B',
    short_binbytes = 'C',
    proto = 0x80,
    newobj = 0x81,
    tuple1 = 0x85,
    tuple2 = 0x86,
    tuple3 = 0x87,
    newtrue = 0x88,
    newfalse = 0x89,
    long1 = 0x8A,
    short_binunicode = 0x8C,
    binunicode8 = 0x8D,
    binbytes8 = 0x8E,
    empty_set = 0x8F,
    additems = 0x90,
    frozenset = 0x91,
    newobj_ex = 0x92,
    stack_global = 0x93,
    memoize = 0x94,
    frame = 0x95,
    bytearray8 = 0x96,
};

/// The machine that a pickle is a program for: a stack of values, marks in it, and a memo of values
/// by number. Its instructions only put values together.
class Reader {
public:
    Reader(std::span<const std::byte> bytes, std::string_view what) : bytes_(bytes), what_(what) {
        // None, for what is absent
        result_.values.emplace_back();
    }

    Pickle read() {
        if (read_number<unsigned char>() != proto || bytes_.size() < 2) fail("has no beginning");
        const auto protocol = read_number<unsigned char>();
        if (protocol < 2 || protocol > 5)
            fail(fmt::format("has protocol {}, expected 2 to 5", protocol));
        for (std::size_t count = 0;; ++count) {
            if (count > most_pickle_instructions || at_ > largest_pickle)
                fail("is larger than any checkpoint's");
            const auto instruction = read_number<unsigned char>();
            if (instruction == stop) break;
            if (!literal(instruction) && !text(instruction) && !collection(instruction) &&
                !addition(instruction) && !memory(instruction) && !call(instruction))
                fail(fmt::format("has the instruction {:#04x}, which torch.save does not write",
                                 instruction));
        }
        result_.root = take();
        result_.length = at_;
        return std::move(result_);
    }

private:
    [[noreturn]] void fail(std::string_view trouble) const {
        throw Error(fmt::format("{}: the pickle {} (byte {})", what_, trouble, at_));
    }

    std::string_view read_bytes(std::uint64_t length) {
        if (length > bytes_.size() - at_) fail("ends too early");
        const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
        at_ += length;
        return taken;
    }

    template <typename T>
    T read_number() {
        T number;
        const std::string_view bytes = read_bytes(sizeof(T));
        std::memcpy(&number, bytes.data(), bytes.size());
        return number;
    }

    std::string_view read_line() {
        const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_,
                                    bytes_.size() - at_);
        const std::size_t end = rest.find('\n');
        if (end == rest.npos) fail("ends too early");
        at_ += end + 1;
        return rest.substr(0, end);
    }

    // ---- the stack

    void push(PickleId id) { stack_.push_back(id); }
    void push(PickleValue value) {
        push(static_cast<PickleId>(result_.values.size()));
        result_.values.push_back(std::move(value));
    }

    PickleId take() {
        // below a mark lie values that are not meant yet
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("takes what is not there");
        const PickleId top = stack_.back();
        stack_.pop_back();
        return top;
    }

    std::vector<PickleId> take_last(std::size_t count) {
        if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count)
            fail("takes what is not there");
        std::vector<PickleId> taken(stack_.end() - static_cast<std::ptrdiff_t>(count),
                                    stack_.end());
        stack_.resize(stack_.size() - count);
        return taken;
    }

    std::vector<PickleId> take_to_mark() {
        if (marks_.empty()) fail("takes what is not there");
        std::vector<PickleId> taken = take_last(stack_.size() - marks_.back());
        marks_.pop_back();
        return taken;
    }

    PickleValue& top() {
        const PickleId id = take();
        push(id);
        return result_.values[id];
    }

    std::string_view take_text() {
        const PickleValue& value = result_.values[take()];
        if (value.kind != Kind::text) fail("has something else where a name belongs");
        return value.text;
    }

    // ---- instructions; each function says whether the instruction is one of its own

    void push_integer(std::int64_t number) { push({.kind = Kind::integer, .integer = number}); }

    bool literal(unsigned char instruction) {
        switch (instruction) {
            case none:
                push(PickleId{0});
                return true;
            case newtrue:
            case newfalse:
                push({.kind = Kind::boolean, .integer = instruction == newtrue});
                return true;
            case binint:
                push_integer(read_number<std::int32_t>());
                return true;
            case binint1:
                push_integer(read_number<std::uint8_t>());
                return true;
            case binint2:
                push_integer(read_number<std::uint16_t>());
                return true;
            case long1: {
                const std::string_view digits = read_bytes(read_number<std::uint8_t>());
                if (digits.size() > 8)
                    push({.kind = Kind::large_integer, .text = digits});
                else
                    push_integer(signed_number(digits));
                return true;
            }
            case binfloat:
                read_bytes(8);
                push({.kind = Kind::real});
                return true;
            case frame:
                // it says how many bytes belong together, which only matters to who reads a stream
                if (read_number<std::uint64_t>() > bytes_.size() - at_) fail("ends too early");
                return true;
            default:
                return false;
        }
    }

    /// Two's complement of up to 8 bytes, the lowest first.
    static std::int64_t signed_number(std::string_view digits) {
        std::uint64_t number = 0;
        if (!digits.empty() && (digits.back() & 0x80)) number = ~std::uint64_t{0};
        std::memcpy(&number, digits.data(), digits.size());
        return static_cast<std::int64_t>(number);
    }

    bool text(unsigned char instruction) {
        const auto push_bytes = [&](Kind kind, std::uint64_t length) {
            push({.kind = kind, .text = read_bytes(length)});
            return true;
        };
        switch (instruction) {
            case short_binunicode:
            // the last two are texts of Python 2
            case short_binstring:
                return push_bytes(Kind::text, read_number<std::uint8_t>());
            case binunicode:
            case binstring:
                return push_bytes(Kind::text, read_number<std::uint32_t>());
            case binunicode8:
                return push_bytes(Kind::text, read_number<std::uint64_t>());
            case short_binbytes:
                return push_bytes(Kind::bytes, read_number<std::uint8_t>());
            case binbytes:
                return push_bytes(Kind::bytes, read_number<std::uint32_t>());
            case binbytes8:
            case bytearray8:
                return push_bytes(Kind::bytes, read_number<std::uint64_t>());
            default:
                return false;
        }
    }

    bool collection(unsigned char instruction) {
        const auto push_items = [&](Kind kind, std::vector<PickleId> items) {
            if (kind == Kind::dictionary && items.size() % 2 != 0) fail("has a key without value");
            push({.kind = kind, .items = std::move(items)});
            return true;
        };
        switch (instruction) {
            case mark:
                marks_.push_back(stack_.size());
                return true;
            case empty_tuple:
                return push_items(Kind::tuple, {});
            case empty_list:
                return push_items(Kind::list, {});
            case empty_dict:
                return push_items(Kind::dictionary, {});
            case empty_set:
                return push_items(Kind::set, {});
            case tuple1:
            case tuple2:
            case tuple3:
                return push_items(Kind::tuple, take_last(instruction - tuple1 + 1u));
            case tuple:
                return push_items(Kind::tuple, take_to_mark());
            case list:
                return push_items(Kind::list, take_to_mark());
            case dict:
                return push_items(Kind::dictionary, take_to_mark());
            case frozenset:
                return push_items(Kind::set, take_to_mark());
            default:
                return false;
        }
    }

    /// Adds to the collection on top of the stack, or to what a call there would give.
    bool addition(unsigned char instruction) {
        const bool pairs = instruction == setitem || instruction == setitems;
        std::vector<PickleId> items;
        if (instruction == append)
            items = take_last(1);
        else if (instruction == setitem)
            items = take_last(2);
        else if (instruction == appends || instruction == setitems || instruction == additems)
            items = take_to_mark();
        else
            return false;
        if (pairs && items.size() % 2 != 0) fail("has a key without value");
        PickleValue& target = top();
        const bool fits =
            target.kind == Kind::call || target.kind == (pairs ? Kind::dictionary
                                                         : instruction == additems ? Kind::set
                                                                                   : Kind::list);
        if (!fits) fail("adds to what is no collection of that kind");
        // a list that a call makes is not read by anybody
        if (target.kind == Kind::call && !pairs) return true;
        target.items.insert(target.items.end(), items.begin(), items.end());
        return true;
    }

    void recall(std::uint32_t number) {
        const auto found = memo_.find(number);
        if (found == memo_.end()) fail("takes what is not there");
        push(found->second);
    }

    void remember(std::uint32_t number) {
        const PickleId id = take();
        push(id);
        memo_[number] = id;
    }

    bool memory(unsigned char instruction) {
        switch (instruction) {
            case binput:
                remember(read_number<std::uint8_t>());
                return true;
            case long_binput:
                remember(read_number<std::uint32_t>());
                return true;
            case memoize:
                remember(static_cast<std::uint32_t>(memo_.size()));
                return true;
            case binget:
                recall(read_number<std::uint8_t>());
                return true;
            case long_binget:
                recall(read_number<std::uint32_t>());
                return true;
            case duplicate: {
                const PickleId id = take();
                push(id);
                push(id);
                return true;
            }
            case pop:
                take();
                return true;
            case pop_mark:
                take_to_mark();
                return true;
            default:
                return false;
        }
    }

    void push_call(PickleId callable, PickleId arguments) {
        const Kind kind = result_.values[callable].kind;
        if ((kind != Kind::global && kind != Kind::call) ||
            result_.values[arguments].kind != Kind::tuple)
            fail("calls what is no function");
        push({.kind = Kind::call, .callable = callable, .arguments = arguments});
    }

    bool call(unsigned char instruction) {
        switch (instruction) {
            case global: {
                const std::string_view module = read_line(), name = read_line();
                push({.kind = Kind::global, .text = module, .name = name});
                return true;
            }
            case stack_global: {
                const std::string_view name = take_text(), module = take_text();
                push({.kind = Kind::global, .text = module, .name = name});
                return true;
            }
            case newobj_ex:
                // named arguments
                take();
                [[fallthrough]];
            case newobj:
            case reduce: {
                const PickleId arguments = take(), callable = take();
                push_call(callable, arguments);
                return true;
            }
            case build: {
                const PickleId state = take();
                // dictionaries and the like get attributes by it, which no weight is
                if (PickleValue& target = top(); target.kind == Kind::call) target.state = state;
                return true;
            }
            case binpersid: {
                const PickleId arguments = take();
                push({.kind = Kind::outside, .arguments = arguments});
                return true;
            }
            default:
                return false;
        }
    }

    std::span<const std::byte> bytes_;
    std::string_view what_;
    std::size_t at_ = 0;
    Pickle result_;
    std::vector<PickleId> stack_;
    /// how high the stack was at each mark
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint32_t, PickleId> memo_;
};

}  // namespace

Pickle read_pickle(std::span<const std::byte> bytes, std::string_view what) {
    return Reader(bytes, what).read();
}

}  // namespace ldm::io
