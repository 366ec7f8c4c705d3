#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

/// Loops whose pieces all threads share.
namespace ldm {

/// Carries an exception out of a parallel region. One that crosses the region's edge by itself ends
/// the program (OpenMP 5.2, section 11.5), so every piece of work goes through run(), and rethrow()
/// stands behind the region. The first exception wins; pieces that begin after it are left out.
class FirstException {
public:
    template <class Work>
    void run(const Work& work) noexcept {
        if (thrown_.load(std::memory_order_relaxed)) return;
        try {
            work();
        } catch (...) {
            if (!thrown_.exchange(true)) first_ = std::current_exception();
        }
    }

    /// Throws it, if there was one; std::bad_alloc as an OutOfMemory with a sentence.
    void rethrow() const {
        if (first_) throw_first();
    }

private:
    [[noreturn]] void throw_first() const;

    std::atomic<bool> thrown_ = false;
    std::exception_ptr first_;
};

/// How many threads a loop gets that begins here: inside of another parallel loop one. Whoever
/// needs scratch memory for each thread allocates it for so many before the loop.
[[nodiscard]] inline int available_threads() {
    return omp_in_parallel() ? 1 : omp_get_max_threads();
}

/// Calls work(i, thread) for all i in [0, count): whichever of `threads` threads is free takes the
/// next, so that large and small tasks may be mixed. `thread` counts from 0 and says whose scratch
/// memory to use. What `work` throws, this throws.
template <class Work>
void parallel_tasks(std::int64_t count, int threads, const Work& work) {
    if (threads <= 1 || count <= 1) {
        for (std::int64_t i = 0; i < count; ++i) work(i, 0);
        return;
    }
    FirstException exception;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (std::int64_t i = 0; i < count; ++i) exception.run([&] { work(i, omp_get_thread_num()); });
    exception.rethrow();
}

/// Calls work(begin, end) for pieces of [0, count) on all threads: whichever is free takes the
/// next, so one that the system does not let run holds up nobody. The pieces have `grain` elements
/// whatever the number of threads, so a sum over a piece does not depend on it. What `work` throws,
/// this throws.
template <class Work>
void parallel_for(std::int64_t count, std::int64_t grain, const Work& work) {
    const std::int64_t pieces = (count + grain - 1) / grain;
    // to wake another thread takes as long as a few pieces of an elementwise op
    if (pieces <= 3) {
        for (std::int64_t i = 0; i < count; i += grain) work(i, std::min(count, i + grain));
        return;
    }
    parallel_tasks(pieces, available_threads(),
                   [&](std::int64_t i, int) { work(i * grain, std::min(count, (i + 1) * grain)); });
}

}  // namespace ldm
