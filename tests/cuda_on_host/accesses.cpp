#include "tests/cuda_on_host/accesses.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/cuda_on_host/device_memory.h"
#include "tests/cuda_on_host/grid.h"

// Where the program's own memory begins and ends, says the linker: constants, and from __data_start
// on what has been written.
extern "C" char __executable_start[], __data_start[], _end[];

namespace ldm::cuda_on_host::accesses {
namespace {

/// A thread's access. Blocks are counted through all kernels, barriers within a block.
struct Access {
    // 0: there was none
    std::uint32_t block = 0;
    std::uint32_t thread : 10 = 0, barriers : 22 = 0;
};

/// Two bytes, for that is how small the numbers of a GPU are here, and who touched them. Of several
/// readers two are enough: whoever writes is another than one of them.
struct Cell {
    Access write, reads[2];
};
constexpr std::size_t cell_bytes = 2;

bool running = false;
Access now;
std::uint32_t first_block_of_kernel = 1, latest_block = 0;
const std::byte *private_begin = nullptr, *private_end = nullptr;

/// Cells for a range of addresses; pages come when they are touched.
class Cells {
public:
    explicit Cells(std::size_t bytes) {
        void* memory = mmap(nullptr, bytes / cell_bytes * sizeof(Cell), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            std::perror("CUDA on the host: no addresses for what is known of accesses");
            std::abort();
        }
        cells_ = static_cast<Cell*>(memory);
    }
    Cell* of(std::size_t offset) { return cells_ + offset / cell_bytes; }

private:
    Cell* cells_;
};

/// Whether another thread may have been at it at any time before or after what the current one does
/// now.
bool unordered(const Access& before, bool shared) {
    // kernels run one after the other
    if (before.block < first_block_of_kernel) return false;
    // blocks do not, but each has shared memory of its own
    if (before.block != now.block) return !shared;
    return before.thread != now.thread && before.barriers == now.barriers;
}

/// What every thread knows of itself and of the grid: it looks like memory of the program here.
bool is_index(const void* at) {
    for (const dim3* index : {&gridDim, &blockDim, &blockIdx, &threadIdx})
        if (at >= index && at < index + 1) return true;
    return false;
}

enum class Kind { read, write };

[[noreturn]] void wrong(Kind kind, std::size_t bytes, const void* from, const std::string& what) {
    Dl_info program{};
    program.dli_fname = "?";
    dladdr(from, &program);
    char where[64];
    std::snprintf(where, sizeof where, "%#zx",
                  static_cast<std::size_t>(static_cast<const char*>(from) -
                                           static_cast<const char*>(program.dli_fbase)));
    misused("thread " + std::to_string(now.thread) + (kind == Kind::read ? " reads " : " writes ") +
            std::to_string(bytes) + " bytes " + what + "\n  addr2line -Cfie " + program.dli_fname +
            " " + where);
}

std::string name_of(const Access& access) {
    return "thread " + std::to_string(access.thread) +
           (access.block == now.block ? "" : " of another block");
}

void remember_read(Cell& cell, bool shared) {
    // of this thread's last read, or of one that nobody's write can collide with any more
    Access* place = nullptr;
    for (Access& read : cell.reads) {
        const bool own = read.block == now.block && read.thread == now.thread;
        if (own || (!place && !unordered(read, shared))) place = &read;
        if (own) break;
    }
    if (place) *place = now;
}

void touch(Kind kind, const void* address, std::size_t bytes, const void* from) {
    static Cells of_device(DeviceMemory::instance().total()), of_program(_end - __data_start);
    const auto* const at = static_cast<const std::byte*>(address);
    if (!running || (at >= private_begin && at < private_end)) return;

    if (is_index(at)) return;
    const bool shared =
        at >= reinterpret_cast<std::byte*>(__data_start) && at < reinterpret_cast<std::byte*>(_end);
    Cell* cell;
    if (shared) {
        cell = of_program.of(at - reinterpret_cast<std::byte*>(__data_start));
    } else if (DeviceMemory::instance().contains(at, bytes)) {
        cell = of_device.of(DeviceMemory::instance().offset(at));
    } else {
        if (kind == Kind::read && at >= reinterpret_cast<std::byte*>(__executable_start) &&
            at < reinterpret_cast<std::byte*>(__data_start))
            return;
        wrong(kind, bytes, from,
              "that lie neither in a block of the device's memory nor in shared memory");
    }
    for (const Cell* const last = cell + (bytes + cell_bytes - 1) / cell_bytes; cell < last;
         ++cell) {
        if (unordered(cell->write, shared))
            wrong(kind, bytes, from,
                  "that " + name_of(cell->write) + " writes, without a barrier between them");
        if (kind == Kind::read) {
            if (shared && cell->write.block != now.block)
                wrong(kind, bytes, from, "of shared memory that nobody of this block has written");
            remember_read(*cell, shared);
        } else {
            for (const Access& read : cell->reads)
                if (unordered(read, shared))
                    wrong(kind, bytes, from,
                          "that " + name_of(read) + " reads, without a barrier between them");
            cell->write = now;
        }
    }
}

}  // namespace

void kernel_begins() {
    first_block_of_kernel = latest_block + 1;
    running = true;
}
void kernel_ends() { running = false; }
void block_begins() { now = {++latest_block}; }
void barrier_passed() { ++now.barriers; }
void thread_goes_on(unsigned thread) { now.thread = thread; }
void are_private(const void* begin, const void* end) {
    private_begin = static_cast<const std::byte*>(begin);
    private_end = static_cast<const std::byte*>(end);
}

}  // namespace ldm::cuda_on_host::accesses

// ---- what g++ calls (gcc/sanitizer.def)

using ldm::cuda_on_host::accesses::Kind;
using ldm::cuda_on_host::accesses::touch;

extern "C" {

#define LDM_WATCHED(bytes)                                          \
    void __tsan_read##bytes(void* at) {                             \
        touch(Kind::read, at, bytes, __builtin_return_address(0));  \
    }                                                               \
    void __tsan_write##bytes(void* at) {                            \
        touch(Kind::write, at, bytes, __builtin_return_address(0)); \
    }                                                               \
    void __tsan_unaligned_read##bytes(void* at) {                   \
        touch(Kind::read, at, bytes, __builtin_return_address(0));  \
    }                                                               \
    void __tsan_unaligned_write##bytes(void* at) {                  \
        touch(Kind::write, at, bytes, __builtin_return_address(0)); \
    }
LDM_WATCHED(1)
LDM_WATCHED(2)
LDM_WATCHED(4)
LDM_WATCHED(8)
LDM_WATCHED(16)
#undef LDM_WATCHED

void __tsan_read_range(void* at, std::size_t bytes) {
    touch(Kind::read, at, bytes, __builtin_return_address(0));
}
void __tsan_write_range(void* at, std::size_t bytes) {
    touch(Kind::write, at, bytes, __builtin_return_address(0));
}

void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}

// of the host's code around the kernels
int __tsan_atomic32_fetch_add(volatile int* at, int number, int) {
    return __atomic_fetch_add(at, number, __ATOMIC_SEQ_CST);
}
char __tsan_atomic8_load(const volatile char* at, int) {
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

// extern "C"
}
