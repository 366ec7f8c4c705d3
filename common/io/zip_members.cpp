#include "common/io/zip_members.h"

#include <fmt/format.h>
#include <minizip/unzip.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

constexpr std::size_t most_members = 100'000, longest_name = 1024;

/// A file in memory, as minizip wants to read it.
struct Stream {
    std::span<const std::byte> bytes;
    std::uint64_t at = 0;
    /// whether the last read came to the end before it had all that it wanted
    bool is_short = false;
};

Stream& stream_of(void* stream) { return *static_cast<Stream*>(stream); }

uLong read_some(void*, void* stream, void* buffer, uLong wanted) {
    Stream& from = stream_of(stream);
    const std::uint64_t count = std::min<std::uint64_t>(wanted, from.bytes.size() - from.at);
    std::memcpy(buffer, from.bytes.data() + from.at, count);
    from.at += count;
    from.is_short = count < wanted;
    return static_cast<uLong>(count);
}

long seek(void*, void* stream, ZPOS64_T offset, int origin) {
    Stream& from = stream_of(stream);
    const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? from.at
                               : origin == ZLIB_FILEFUNC_SEEK_END ? from.bytes.size()
                                                                  : 0;
    if (offset > from.bytes.size() - base) return -1;
    from.at = base + offset;
    return 0;
}

zlib_filefunc64_def functions_for(Stream& stream) {
    zlib_filefunc64_def functions{};
    functions.zopen64_file = [](void* opaque, const void*, int) { return opaque; };
    functions.zread_file = read_some;
    functions.ztell64_file = [](void*, void* from) -> ZPOS64_T { return stream_of(from).at; };
    functions.zseek64_file = seek;
    functions.zclose_file = [](void*, void*) { return 0; };
    // or minizip would take what is missing for zeros
    functions.zerror_file = [](void*, void* from) { return int{stream_of(from).is_short}; };
    functions.opaque = &stream;
    return functions;
}

class Directory {
public:
    Directory(std::span<const std::byte> file, std::string_view what)
        : file_(file), what_(what), stream_{.bytes = file} {
        zlib_filefunc64_def functions = functions_for(stream_);
        zip_.reset(unzOpen2_64("", &functions));
        if (!zip_ || !has_end()) fail("its end is missing: the file is cut, or no zip file");
    }

    ZipMembers read() {
        unz_global_info64 about{};
        expect(unzGetGlobalInfo64(zip_.get(), &about));
        if (about.number_entry > most_members) fail("it has more files in it than any checkpoint");
        ZipMembers members;
        for (std::uint64_t i = 0; i < about.number_entry; ++i) {
            expect(i == 0 ? unzGoToFirstFile(zip_.get()) : unzGoToNextFile(zip_.get()));
            add_current(members);
        }
        expect_apart(members);
        return members;
    }

private:
    struct Close {
        void operator()(void* zip) const { unzClose(zip); }
    };

    [[noreturn]] void fail(std::string_view trouble) const {
        throw Error(fmt::format("{}: {}", what_, trouble));
    }

    /// Whether the last record is whole. Without it minizip is content with the one before, if the
    /// directory has numbers of 64 bits.
    bool has_end() const {
        constexpr std::size_t size = 22, longest_comment = 65535;
        const std::size_t searched = std::min(file_.size(), size + longest_comment);
        const std::string_view tail(
            reinterpret_cast<const char*>(file_.data()) + file_.size() - searched, searched);
        const std::size_t begin = tail.rfind("PK\x05\x06");
        return begin != tail.npos && tail.size() - begin >= size;
    }

    void expect(int status) const {
        if (status != UNZ_OK) fail("its directory (of a zip file) is damaged");
    }

    void add_current(ZipMembers& members) {
        unz_file_info64 info{};
        std::string name(longest_name + 1, '\0');
        expect(unzGetCurrentFileInfo64(zip_.get(), &info, name.data(), name.size(), nullptr, 0,
                                       nullptr, 0));
        if (info.size_filename > longest_name) fail("a file in it has a name that is too long");
        name.resize(info.size_filename);

        // "raw": only to learn where the bytes begin
        int method = 0, level = 0;
        expect(unzOpenCurrentFile2(zip_.get(), &method, &level, 1));
        const std::uint64_t begin = unzGetCurrentFileZStreamPos64(zip_.get());
        unzCloseCurrentFile(zip_.get());
        if (begin > file_.size() || info.compressed_size > file_.size() - begin)
            fail(fmt::format("'{}' in it reaches beyond its end", text::printable(name)));

        constexpr unsigned encrypted = 1;
        const bool is_stored = method == 0 && (info.flag & encrypted) == 0 &&
                               info.compressed_size == info.uncompressed_size;
        if (!members.emplace(name, ZipMember{file_.subspan(begin, info.compressed_size), is_stored})
                 .second)
            fail(fmt::format("'{}' is in it twice", text::printable(name)));
    }

    /// No byte belongs to two members: a small file would otherwise pretend to be a large one.
    void expect_apart(const ZipMembers& members) const {
        std::vector<std::span<const std::byte>> places;
        for (const auto& [name, member] : members)
            if (!member.bytes.empty()) places.push_back(member.bytes);
        std::ranges::sort(places, {}, [](const auto& bytes) { return bytes.data(); });
        for (std::size_t i = 1; i < places.size(); ++i)
            if (places[i - 1].data() + places[i - 1].size() > places[i].data())
                fail("files in it (a zip file) lie over each other");
    }

    std::span<const std::byte> file_;
    std::string_view what_;
    Stream stream_;
    std::unique_ptr<void, Close> zip_;
};

}  // namespace

ZipMembers read_zip_members(std::span<const std::byte> file, std::string_view what) {
    return Directory(file, what).read();
}

}  // namespace ldm::io
