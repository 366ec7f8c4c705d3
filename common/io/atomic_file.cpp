#include "common/io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/error.h"
#include "common/io/mapped_file.h"

namespace ldm::io {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t buffer_size = 1 << 20;

bool is_special(const fs::path& path) {
    std::error_code ignored;
    const auto type = fs::status(path, ignored).type();
    return type == fs::file_type::character || type == fs::file_type::block ||
           type == fs::file_type::fifo || type == fs::file_type::socket;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
    std::error_code ignored;
    if (fs::is_directory(path_, ignored))
        throw Error(fmt::format("{}: cannot write: it is a folder", path_.string()));
    // Behind a symbolic link the file is replaced, not the link.
    const bool special = is_special(path_);
    // what /dev/stdout leads to may be a pipe, which has no name
    if (!special && fs::is_symlink(path_, ignored)) path_ = fs::weakly_canonical(path_);

    part_ = path_;
    if (!special) part_ += fmt::format(".part{}", ::getpid());
    file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) fail_with_errno("cannot write");
}

AtomicFile::~AtomicFile() {
    if (file_ < 0) return;
    ::close(file_);
    if (part_ != path_) ::unlink(part_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() >= buffer_size) flush();
    if (bytes.size() < buffer_size) {
        buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return;
    }
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_with_errno("cannot write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

void AtomicFile::flush() {
    for (std::size_t done = 0; done < buffer_.size();) {
        const ssize_t written = ::write(file_, buffer_.data() + done, buffer_.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_with_errno("cannot write");
        done += static_cast<std::size_t>(written);
    }
    buffer_.clear();
}

void AtomicFile::commit() {
    flush();
    // Some file systems only say at this point that the disk is full. Pipes know no fsync.
    if (::fsync(file_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
        fail_with_errno("cannot write");
    const int closed = ::close(file_);
    file_ = -1;
    const bool renamed =
        closed == 0 && (part_ == path_ || ::rename(part_.c_str(), path_.c_str()) == 0);
    if (!renamed) {
        const int error = errno;
        if (part_ != path_) ::unlink(part_.c_str());
        errno = error;
        fail_with_errno("cannot finish writing");
    }
}

void AtomicFile::fail_with_errno(std::string_view action) const {
    throw Error(fmt::format("{}: {}: {}", path_.string(), action, std::strerror(errno)));
}

void write_text_file(const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

std::string read_text_file(const fs::path& path) {
    const MappedFile file(path);
    if (file.bytes().size() > largest_text_file)
        throw Error(fmt::format("{}: a text of {} bytes, at most {} are read", path.string(),
                                file.bytes().size(), largest_text_file));
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

void make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        throw Error(
            fmt::format("{}: cannot make the folder: {}", folder.string(), error.message()));
}

}  // namespace ldm::io
