#include "common/io/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "common/error.h"
#include "common/io/torch_globals.h"
#include "common/io/torch_tensors.h"
#include "common/io/utf8.h"
#include "common/io/zip_members.h"

namespace ldm::io {
namespace {

using Kind = PickleValue::Kind;

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void reject(std::string_view what, std::string_view trouble) {
    throw Error(fmt::format("{}: {}", what, trouble));
}

bool begins_with_zip(std::span<const std::byte> file) {
    return text_of(file).starts_with("PK\x03\x04");
}

void expect_bytes(std::span<const std::byte> bytes, const TorchStorage& storage,
                  std::string_view what) {
    std::uint64_t expected = 0;
    if (__builtin_mul_overflow(storage.count, storage.element_size(), &expected) ||
        expected != bytes.size())
        reject(what, fmt::format("the storage '{}' has {} bytes, its tensors say {} elements of {}",
                                 text::printable(storage.key), bytes.size(), storage.count,
                                 storage.element_size()));
}

// ---- since PyTorch 1.6

/// "archive/" where the zip file holds archive/data.pkl.
std::string root_of(const ZipMembers& members, std::string_view what) {
    constexpr std::string_view object = "/data.pkl";
    for (const auto& [name, member] : members)
        if (name.ends_with(object) && name.find('/') == name.size() - object.size())
            return name.substr(0, name.find('/') + 1);
    reject(what, "a zip file, but not a PyTorch checkpoint: there is no data.pkl in it");
}

class ZipCheckpoint {
public:
    ZipCheckpoint(std::span<const std::byte> file, std::string_view what)
        : file_(file), what_(what), members_(read_zip_members(file, what)) {}

    TensorFileContents read() {
        root_ = root_of(members_, what_);
        if (const auto order = members_.find(root_ + "byteorder");
            order != members_.end() && text_of(order->second.bytes) != "little")
            reject(what_, "written on a big-endian machine, which cannot be read");
        const Pickle pickle = read_pickle(member("data.pkl"), fmt::format("{}: data.pkl", what_));
        expect_known_globals(pickle, what_);
        TensorFileContents contents = collect_torch_tensors(
            pickle,
            [&](const TorchStorage& storage) {
                const auto bytes = member(fmt::format("data/{}", storage.key));
                expect_bytes(bytes, storage, what_);
                return bytes;
            },
            file_.size(), what_);
        contents.format = "PyTorch checkpoint";
        return contents;
    }

private:
    std::span<const std::byte> member(const std::string& name) const {
        const auto found = members_.find(root_ + name);
        if (found == members_.end())
            reject(what_, fmt::format("there is no '{}' in it", text::printable(root_ + name)));
        if (!found->second.is_stored)
            reject(what_, fmt::format(
                              "'{}' in it is compressed or encrypted, which torch.save never does: "
                              "unpack the file and pack it with 'zip -0'",
                              text::printable(found->first)));
        return found->second.bytes;
    }

    std::span<const std::byte> file_;
    std::string_view what_;
    ZipMembers members_;
    std::string root_;
};

// ---- before

/// Element sizes of the storages that an object has, by key.
std::map<std::string_view, std::size_t> element_sizes(const Pickle& object, std::string_view what) {
    std::map<std::string_view, std::size_t> sizes;
    for (const PickleValue& value : object.values)
        if (value.kind == Kind::outside) {
            const TorchStorage storage = torch_storage(object, value, what);
            // the first that the pickle has is the one whose elements were counted
            sizes.emplace(storage.key, storage.element_size());
        }
    return sizes;
}

class OldCheckpoint {
public:
    OldCheckpoint(std::span<const std::byte> file, std::string_view what)
        : file_(file), what_(what) {}

    TensorFileContents read() {
        expect_beginning();
        const Pickle object = next_pickle();
        expect_known_globals(object, what_);
        const Pickle keys = next_pickle();
        read_storages(element_sizes(object, what_), keys);
        TensorFileContents contents = collect_torch_tensors(
            object,
            [&](const TorchStorage& storage) {
                const auto found = storages_.find(storage.key);
                if (found == storages_.end())
                    reject(what_, fmt::format("there is no storage '{}' in it",
                                              text::printable(storage.key)));
                expect_bytes(found->second, storage, what_);
                return found->second;
            },
            file_.size(), what_);
        contents.format = "PyTorch checkpoint of the old format";
        return contents;
    }

private:
    Pickle next_pickle() {
        Pickle pickle = read_pickle(file_.subspan(at_), what_);
        at_ += pickle.length;
        return pickle;
    }

    /// The magic number, the protocol, and the machine that wrote the file.
    void expect_beginning() {
        // 0x1950a86a20f9469cfc6c, the lowest byte first
        constexpr std::string_view magic_number("\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19");
        const Pickle magic = next_pickle();
        if (magic[magic.root].kind != Kind::large_integer || magic[magic.root].text != magic_number)
            reject(what_, "a pickle, but not a PyTorch checkpoint");
        const Pickle protocol = next_pickle();
        if (protocol[protocol.root].kind != Kind::integer ||
            protocol[protocol.root].integer != 1001)
            reject(what_, "a PyTorch checkpoint of an unknown protocol, expected 1001");
        const Pickle machine = next_pickle();
        const std::vector<PickleId>& about = machine[machine.root].items;
        for (std::size_t i = 0; i + 1 < about.size(); i += 2)
            if (machine[about[i]].text == "little_endian" && machine[about[i + 1]].integer == 0)
                reject(what_, "written on a big-endian machine, which cannot be read");
    }

    void read_storages(const std::map<std::string_view, std::size_t>& sizes, const Pickle& keys) {
        for (const PickleId id : keys[keys.root].items) {
            const std::string_view key = keys[id].text;
            const auto size = sizes.find(key);
            if (size == sizes.end())
                reject(what_,
                       fmt::format("no tensor has the storage '{}' in it", text::printable(key)));
            if (file_.size() - at_ < sizeof(std::uint64_t)) reject(what_, "the file is cut");
            std::uint64_t count = 0, length = 0;
            std::memcpy(&count, file_.data() + at_, sizeof(count));
            at_ += sizeof(count);
            if (__builtin_mul_overflow(count, size->second, &length) || length > file_.size() - at_)
                reject(what_, fmt::format("the file is cut, or the storage '{}' in it lies",
                                          text::printable(key)));
            if (!storages_.emplace(key, file_.subspan(at_, length)).second)
                reject(what_, fmt::format("the storage '{}' is in it twice", text::printable(key)));
            at_ += length;
        }
    }

    std::span<const std::byte> file_;
    std::string_view what_;
    std::size_t at_ = 0;
    std::map<std::string_view, std::span<const std::byte>> storages_;
};

}  // namespace

bool is_torch_file(std::span<const std::byte> file) {
    if (begins_with_zip(file)) return true;
    // a safetensors file begins with 8 bytes of a length, which may look the same, and a brace
    const std::string_view head = text_of(file.first(std::min<std::size_t>(file.size(), 9)));
    return head.size() == 9 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 && head[8] != '{';
}

TensorFileContents parse_torch_file(std::span<const std::byte> file, std::string_view what) {
    if (begins_with_zip(file)) return ZipCheckpoint(file, what).read();
    return OldCheckpoint(file, what).read();
}

TensorFile open_torch_file(const std::filesystem::path& path) {
    return TensorFile(path, parse_torch_file);
}

}  // namespace ldm::io
