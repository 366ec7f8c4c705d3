#include "common/io/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>

#include "common/error.h"

namespace ldm::io {

/// Where a file is mapped, in a list that a signal handler can read.
struct MappedFile::Region {
    const std::byte *begin, *end;
    std::string path;
    std::atomic<Region*> next = nullptr;
};

namespace {

// A file may be cut by another program while it is mapped. Touching what is gone raises SIGBUS; the
// handler below says which file it was, instead of a bare "Bus error".
std::atomic<MappedFile::Region*> first_region = nullptr;
std::mutex regions_mutex;
struct sigaction previous_handler;

void write_all(const char* text, std::size_t size) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, size);
}

/// Runs inside of the signal: only write, sigaction and _exit are allowed here.
void on_bus_error(int signal, siginfo_t* info, void*) {
    const auto* address = static_cast<const std::byte*>(info->si_addr);
    for (const MappedFile::Region* region = first_region; region; region = region->next) {
        if (address < region->begin || address >= region->end) continue;
        constexpr std::string_view reason = ": the file became shorter while it was read\n";
        write_all(region->path.data(), region->path.size());
        write_all(reason.data(), reason.size());
        ::_exit(1);
    }
    // Not ours: the same instruction raises the signal again for whoever had it before.
    ::sigaction(signal, &previous_handler, nullptr);
}

void install_handler() {
    static const bool installed = [] {
        struct sigaction action = {};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO;
        ::sigemptyset(&action.sa_mask);
        return ::sigaction(SIGBUS, &action, &previous_handler) == 0;
    }();
    static_cast<void>(installed);
}

void add(MappedFile::Region* region) {
    install_handler();
    const std::lock_guard lock(regions_mutex);
    region->next = first_region.load();
    first_region = region;
}

void remove(const MappedFile::Region* region) {
    const std::lock_guard lock(regions_mutex);
    std::atomic<MappedFile::Region*>* link = &first_region;
    while (link->load() != region) link = &link->load()->next;
    *link = region->next.load();
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a pipe would wait for somebody to write into it.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        throw Error(fmt::format("{}: cannot open: {}", path.string(), std::strerror(errno)));

    struct stat status = {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(file);
        throw Error(fmt::format("{}: not a regular file", path.string()));
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    // mmap refuses a length of zero; an empty view says the same.
    void* start = size ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0) : nullptr;
    const int error = errno;
    ::close(file);
    if (start == MAP_FAILED)
        throw Error(
            fmt::format("{}: cannot map into memory: {}", path.string(), std::strerror(error)));
    bytes_ = {static_cast<const std::byte*>(start), size};
    region_ = std::make_unique<Region>(bytes_.data(), bytes_.data() + size, path.string());
    add(region_.get());
}

MappedFile::~MappedFile() {
    remove(region_.get());
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::forget(std::span<const std::byte> part) const {
    const std::less_equal<> is_at_most;
    if (!is_at_most(bytes_.data(), part.data()) ||
        !is_at_most(part.data() + part.size(), bytes_.data() + bytes_.size()))
        return;
    // Whole pages only: those at the ends may hold a neighbour's bytes.
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto offset = static_cast<std::size_t>(part.data() - bytes_.data());
    const std::size_t begin = (offset + page - 1) / page * page;
    const std::size_t end = (offset + part.size()) / page * page;
    if (begin < end)
        ::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace ldm::io
