#include <omp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/ops/attention.h"
#include "common/ops/conv2d.h"
#include "common/ops/matmul.h"
#include "tests/support/catch.h"

// AddressSanitizer maps more than any limit by itself
#ifndef __SANITIZE_ADDRESS__

using namespace ldm;

namespace {

constexpr std::int64_t mebibyte = 1 << 20;

const std::map<std::string, std::function<void()>> ops_under_test = {
    {"Winograd",
     [] {
         (void)ops::conv2d(Tensor::zeros({1, 128, 64, 64}), Tensor::zeros({128, 128, 3, 3}), {},
                           {.padding = ops::Padding::all(1)});
     }},
    {"convolution",
     [] {
         (void)ops::conv2d(Tensor::zeros({2, 64, 64, 64}), Tensor::zeros({64, 64, 4, 4}), {},
                           {.stride = 2});
     }},
    {"attention",
     [] {
         const Tensor q = Tensor::zeros({1, 8, 1024, 64});
         (void)ops::scaled_dot_product_attention(q, q, q);
     }},
    {"attention weights",
     [] {
         const Tensor q = Tensor::zeros({1, 8, 512, 16});
         (void)ops::attention_weights(q, q);
     }},
    {"product", [] {
         (void)ops::matmul(Tensor::zeros({700, 900}), Tensor::zeros({900, 800}));
     }}};

enum Outcome {
    done = 40,
    out_of_memory = 41,
    another_error = 42,
    fewer_threads = 43,
    could_not_start = 44
};

/// Ends the process with an error that is not the one expected, and says which.
[[noreturn]] void end_with(const char* error) {
    std::fprintf(stderr, "unexpected: %s\n", error);
    _exit(another_error);
}

std::int64_t address_space_in_use() {
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * sysconf(_SC_PAGESIZE);
}

/// In a process that this test started: gives itself `room` bytes and no more, runs the op, and
/// ends with an Outcome.
[[noreturn]] void run_with_room(std::int64_t room, const std::function<void()>& op) {
    // the threads and their stacks first: those are not what is tested
    omp_set_num_threads(3);
    std::atomic<int> threads = 0;
#pragma omp parallel
    ++threads;
    if (threads != 3) _exit(fewer_threads);
    const auto limit = static_cast<rlim_t>(address_space_in_use() + room);
    const rlimit soft_and_hard{limit, limit};
    setrlimit(RLIMIT_AS, &soft_and_hard);
    try {
        op();
        _exit(done);
    } catch (const OutOfMemory& error) {
        if (!std::string_view(error.what()).starts_with("the memory is full"))
            end_with(error.what());
        _exit(out_of_memory);
    } catch (const std::bad_alloc&) {
        // of something small, outside of a loop
        _exit(out_of_memory);
    } catch (const std::exception& error) {
        end_with(error.what());
    }
}

/// The exit status of such a process, or 1000 and the signal that ended it. It is started anew and
/// not forked alone: OpenMP's threads do not survive a fork.
int outcome_with_room(std::int64_t room, const std::string& op) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        setenv("LDM_TEST_OP", op.c_str(), 1);
        setenv("LDM_TEST_ROOM", std::to_string(room).c_str(), 1);
        execl("/proc/self/exe", "common_test", "[op_with_little_memory]", nullptr);
        _exit(could_not_start);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("the process that the next test starts", "[.][op_with_little_memory]") {
    const char *op = std::getenv("LDM_TEST_OP"), *room = std::getenv("LDM_TEST_ROOM");
    if (op && room) run_with_room(std::atoll(room), ops_under_test.at(op));
}

TEST_CASE("an op that finds no memory throws, whichever of its allocations it is") {
    for (const auto& [name, op] : ops_under_test) {
        INFO(name);
        int worked = 0, refused = 0;
        for (std::int64_t room = mebibyte; room <= 40 * mebibyte; room += 3 * mebibyte / 2) {
            const int outcome = outcome_with_room(room, name);
            INFO(static_cast<double>(room) / mebibyte << " MiB, outcome " << outcome);
            CHECK((outcome == done || outcome == out_of_memory));
            (outcome == done ? worked : refused) += 1;
        }
        // the limits lie on both sides of what the op needs
        CHECK(worked > 0);
        CHECK(refused > 0);
    }
}

#endif
