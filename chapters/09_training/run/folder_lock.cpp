#include "chapters/09_training/run/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/error.h"

namespace ldm::train {

FolderLock::FolderLock(const std::filesystem::path& folder)
    : file_(::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (file_ < 0)
        throw Error(fmt::format("{}: cannot write: {}", folder.string(), std::strerror(errno)));
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    ::close(file_);
    throw Error(fmt::format("{}: another training is writing here", folder.string()));
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace ldm::train
