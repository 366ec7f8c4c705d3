#include "common/io/npz.h"

#include <fmt/format.h>
#include <minizip/zip.h>

#include <algorithm>
#include <cstring>

#include "common/error.h"
#include "common/io/atomic_file.h"

namespace ldm::io {
namespace {

/// What stands before the numbers: a magic word, the length of the text, and the text, which blanks
/// make so long that the numbers begin at a multiple of 64.
std::string npy_header(const std::vector<std::int64_t>& shape) {
    std::string sides;
    for (const std::int64_t side : shape) sides += fmt::format("{}, ", side);
    // (3, 4) but (3,)
    if (!sides.empty()) sides.resize(sides.size() - (shape.size() > 1 ? 2 : 1));
    std::string text =
        fmt::format("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}), }}", sides);
    const std::string magic("\x93NUMPY\x01\x00", 8);
    const std::size_t before = magic.size() + 2;
    text.append(63 - (before + text.size()) % 64, ' ');
    text += '\n';
    const auto length = static_cast<std::uint16_t>(text.size());
    return magic + static_cast<char>(length & 0xFF) + static_cast<char>(length >> 8) + text;
}

/// A file in memory, as minizip wants to write it.
struct Stream {
    std::string bytes;
    std::size_t at = 0;
};

Stream& stream_of(void* stream) { return *static_cast<Stream*>(stream); }

uLong write_some(void*, void* stream, const void* buffer, uLong count) {
    Stream& to = stream_of(stream);
    to.bytes.resize(std::max(to.bytes.size(), to.at + count));
    std::memcpy(to.bytes.data() + to.at, buffer, count);
    to.at += count;
    return count;
}

long seek(void*, void* stream, ZPOS64_T offset, int origin) {
    Stream& to = stream_of(stream);
    const std::size_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? to.at
                             : origin == ZLIB_FILEFUNC_SEEK_END ? to.bytes.size()
                                                                : 0;
    to.at = base + offset;
    return 0;
}

zlib_filefunc64_def functions_for(Stream& stream) {
    zlib_filefunc64_def functions{};
    functions.zopen64_file = [](void* opaque, const void*, int) { return opaque; };
    functions.zread_file = [](void*, void*, void*, uLong) -> uLong { return 0; };
    functions.zwrite_file = write_some;
    functions.ztell64_file = [](void*, void* to) -> ZPOS64_T { return stream_of(to).at; };
    functions.zseek64_file = seek;
    functions.zclose_file = [](void*, void*) { return 0; };
    functions.zerror_file = [](void*, void*) { return 0; };
    functions.opaque = &stream;
    return functions;
}

void expect(int status) {
    if (status != ZIP_OK) throw Error(fmt::format("cannot make a zip file (minizip: {})", status));
}

void write(zipFile zip, std::span<const std::byte> bytes) {
    // minizip counts in 32 bits at a time
    constexpr std::size_t most = std::size_t{1} << 30;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(most, bytes.size())))
        expect(zipWriteInFileInZip(zip, bytes.data(),
                                   static_cast<unsigned>(std::min(most, bytes.size()))));
}

}  // namespace

void write_npz(const std::filesystem::path& path, const std::string& name,
               std::span<const std::uint8_t> bytes, const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t side : shape) count *= side;
    if (count != std::ssize(bytes))
        throw Error(fmt::format("{}: {} bytes for an array of {} numbers", path.string(),
                                bytes.size(), count));
    const std::string header = npy_header(shape);
    Stream stream;
    stream.bytes.reserve(bytes.size() + 1024);
    zlib_filefunc64_def functions = functions_for(stream);
    const zipFile zip = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &functions);
    expect(zip ? ZIP_OK : ZIP_INTERNALERROR);
    zip_fileinfo about{};
    // the first day that a zip file knows: the same pictures are the same bytes
    about.tmz_date.tm_year = 1980;
    about.tmz_date.tm_mday = 1;
    const int is_large = bytes.size() + header.size() >= 0xFFFFFFFF ? 1 : 0;
    expect(zipOpenNewFileInZip64(zip, (name + ".npy").c_str(), &about, nullptr, 0, nullptr, 0,
                                 nullptr, 0, 0, is_large));
    write(zip, std::as_bytes(std::span(header)));
    write(zip, std::as_bytes(bytes));
    expect(zipCloseFileInZip(zip));
    expect(zipClose(zip, nullptr));
    write_text_file(path, stream.bytes);
}

}  // namespace ldm::io
