#include "common/parallel.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm;

namespace {

/// As many threads as the test wants, whatever the machine has.
class Threads {
public:
    explicit Threads(int count) : previous_(omp_get_max_threads()) { omp_set_num_threads(count); }
    ~Threads() { omp_set_num_threads(previous_); }

private:
    int previous_;
};

}  // namespace

TEST_CASE("parallel_for visits every element once, in pieces of the same size on any threads") {
    for (const int threads : {1, 2, 5}) {
        const Threads some(threads);
        for (const std::int64_t count : {0, 1, 6, 7, 8, 100}) {
            std::vector<int> visits(count, 0);
            std::atomic<int> wrong = 0;
            parallel_for(count, 7, [&](std::int64_t begin, std::int64_t end) {
                if (begin % 7 != 0 || end != std::min(count, begin + 7)) ++wrong;
                for (std::int64_t i = begin; i < end; ++i) ++visits[i];
            });
            CHECK(visits == std::vector<int>(count, 1));
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("parallel_tasks does every task once and says on which thread") {
    for (const int threads : {1, 3}) {
        std::vector<int> visits(50, 0);
        std::vector<std::atomic<int>> on_thread(threads);
        parallel_tasks(50, threads, [&](std::int64_t i, int thread) {
            ++visits[i];
            ++on_thread.at(thread);
        });
        CHECK(visits == std::vector<int>(50, 1));
        int all = 0;
        for (const std::atomic<int>& count : on_thread) all += count;
        CHECK(all == 50);
    }
}

TEST_CASE("what a piece throws leaves the loop, and the loop can be used again") {
    for (const int threads : {1, 4}) {
        const Threads some(threads);
        const auto at_40 = [](std::int64_t begin, std::int64_t) {
            if (begin == 40) throw std::runtime_error("piece 40");
        };
        CHECK_THROWS_WITH(parallel_for(100, 10, at_40), "piece 40");
        CHECK_THROWS_WITH(parallel_tasks(100, threads, at_40), "piece 40");
        // of many exceptions one
        const auto always = [](std::int64_t, std::int64_t) { throw Error("each"); };
        CHECK_THROWS_AS(parallel_for(100, 1, always), Error);
        std::atomic<int> done = 0;
        parallel_for(100, 10, [&](std::int64_t, std::int64_t) { ++done; });
        CHECK(done == 10);
    }
}

TEST_CASE("a thread without memory is an OutOfMemory with a sentence") {
    const auto full = [](std::int64_t, std::int64_t) { throw std::bad_alloc(); };
    const Threads two(2);
    CHECK_THROWS_AS(parallel_for(100, 1, full), OutOfMemory);
}

TEST_CASE("inside of a parallel loop there is one thread") {
    const Threads three(3);
    CHECK(available_threads() == 3);
    std::vector<int> inside(30, 0);
    parallel_for(30, 1, [&](std::int64_t i, std::int64_t) { inside[i] = available_threads(); });
    CHECK(inside == std::vector<int>(30, 1));
}
