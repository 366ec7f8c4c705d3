#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace ldm::io {

/// A file that appears complete or not at all. Everything is written to `<path>.part<pid>` beside
/// it and renamed by commit(); an exception on the way leaves nothing behind. Every writer of the
/// project goes through here.
///
///     AtomicFile file("out.csv");
///     file.write("step,loss\n");
///     file.commit();
///
/// Something that is there already and is no regular file (/dev/stdout, a pipe) is written
/// directly. All members throw ldm::Error: a missing folder, missing rights, a full disk.
class AtomicFile {
public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

    /// Flushes to the disk, closes, and gives the file its name.
    void commit();

private:
    void flush();
    [[noreturn]] void fail_with_errno(std::string_view action) const;

    /// the name it will have
    std::filesystem::path path_;
    /// the name it has until then; the same when written directly
    std::filesystem::path part_;
    int file_ = -1;
    /// small writes are collected here
    std::string buffer_;
};

/// The whole of `text` as a file, complete or not at all.
void write_text_file(const std::filesystem::path& path, std::string_view text);

/// What read_text_file takes at most.
inline constexpr std::size_t largest_text_file = std::size_t{1} << 30;

/// The whole file as bytes. Throws ldm::Error when it cannot be read or is larger than that.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path);

/// Makes the folder and its parents; throws ldm::Error when that is impossible.
void make_folder(const std::filesystem::path& folder);

}  // namespace ldm::io
