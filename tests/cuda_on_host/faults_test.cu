// What a GPU would do wrong now and then, or end with an error, ends the program with a message
// here: a kernel for each fault, and its correct twin.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/numbers.cuh"
#include "tests/support/catch.h"

using namespace ldm::cuda;
using ldm::test::has_text;

namespace {

/// What `work` says before it ends the program; empty if it does not.
template <class Work>
std::string last_words(Work work) {
    std::FILE* const said = std::tmpfile();
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        // not Catch2's, which would tell of a failed test
        std::signal(SIGABRT, SIG_DFL);
        dup2(fileno(said), STDERR_FILENO);
        work();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    std::string words;
    std::rewind(said);
    for (int c; (c = std::fgetc(said)) != EOF;) words += static_cast<char>(c);
    std::fclose(said);
    if ((status == 0) != words.empty())
        return "ended with " + std::to_string(status) + ": " + words;
    return words;
}

/// What the kernel says that gets the numbers 0, 1, … 255 and as many others to write to.
template <class... Arguments>
std::string run(void (*kernel)(const float*, float*, Arguments...), dim3 blocks, dim3 threads,
                std::type_identity_t<Arguments>... arguments) {
    return last_words([&] {
        std::vector<float> numbers(256);
        for (int i = 0; i < 256; ++i) numbers[i] = static_cast<float>(i);
        const auto in = allocate(sizeof(float) * 256), out = allocate(sizeof(float) * 256);
        copy_to_device(in.get(), numbers.data(), sizeof(float) * 256);
        launch(kernel, blocks, threads, static_cast<const float*>(in.get()),
               static_cast<float*>(out.get()), arguments...);
    });
}

/// Every second thread reads what the one before it wrote.
__global__ void neighbours_kernel(const float* x, float* y, bool barrier) {
    __shared__ float seen[64];
    const int i = static_cast<int>(threadIdx.x);
    seen[i] = x[i];
    if (barrier) __syncthreads();
    y[first_index()] = seen[i / 2 * 2];
}

/// And again: the next numbers come before all have read the last.
__global__ void rounds_kernel(const float* x, float* y, bool barrier) {
    __shared__ float seen[64];
    const int i = static_cast<int>(threadIdx.x);
    float sum = 0.0f;
    for (int round = 0; round < 3; ++round) {
        if (barrier) __syncthreads();
        seen[i] = x[64 * round + i];
        __syncthreads();
        sum += seen[(i + 1) % 64];
    }
    y[first_index()] = sum;
}

/// A warp's exchange is no barrier for memory.
__global__ void exchange_kernel(const float* x, float* y) {
    __shared__ float seen[32];
    const int i = static_cast<int>(threadIdx.x);
    seen[i] = x[i];
    y[i] = __shfl_xor_sync(~0u, seen[i], 1) + seen[31 - i];
}

__global__ void total_kernel(const float*, float* y, int count) { y[first_index() % count] = 1.0f; }

/// Blocks that read what the next one writes: in place, where it may not be.
__global__ void in_place_kernel(const float*, float* y, bool two) {
    const std::int64_t i = first_index();
    y[i] = two ? 1.0f + y[i + 1] : 1.0f + y[i];
}

__global__ void unwritten_kernel(const float* x, float* y, bool all) {
    __shared__ float seen[64];
    const int i = static_cast<int>(threadIdx.x);
    if (all || blockIdx.x == 0 || i != 7) seen[i] = x[i];
    __syncthreads();
    y[blockIdx.x * 64 + i] = seen[i ^ 1];
}

/// Of which no block has ever written a number.
__global__ void unused_kernel(const float* x, float* y, bool all) {
    __shared__ float seen[64];
    const int i = static_cast<int>(threadIdx.x);
    if (all || i != 7) seen[i] = x[i];
    __syncthreads();
    y[i] = seen[i ^ 1];
}

__global__ void beyond_kernel(const float* x, float* y, int more) {
    y[first_index()] = x[first_index() + more];
}

__global__ void elsewhere_kernel(const float* x, float* y, const float* more) {
    y[first_index()] = x[first_index()] + *more;
}

__global__ void packs_kernel(const float* x, float* y, int first) {
    reinterpret_cast<Pack<float>*>(y)[first_index()] =
        *reinterpret_cast<const Pack<float>*>(x + first + 4 * first_index());
}

__global__ void columns_kernel(const float* x, float* y, int columns) {
    __shared__ float square[8][8];
    const int i = static_cast<int>(threadIdx.x);
    square[i][columns - 1] = x[i];
    y[i] = square[i][columns - 1];
}

__global__ void some_wait_kernel(const float* x, float* y, int who) {
    if (static_cast<int>(threadIdx.x) < who) __syncthreads();
    y[first_index()] = x[first_index()];
}

}  // namespace

TEST_CASE("threads that share memory without a barrier") {
    CHECK(run(neighbours_kernel, 2, 64, true) == "");
    CHECK_THAT(
        run(neighbours_kernel, 2, 64, false),
        has_text("thread 1 reads 4 bytes that thread 0 writes, without a barrier between them"));
    CHECK(run(rounds_kernel, 2, 64, true) == "");
    CHECK_THAT(run(rounds_kernel, 2, 64, false), has_text("reads, without a barrier between them"));
    CHECK_THAT(run(exchange_kernel, 1, 32), has_text("without a barrier between them"));
}

TEST_CASE("blocks that share memory") {
    CHECK(run(total_kernel, 4, 64, 256) == "");
    CHECK_THAT(run(total_kernel, 4, 64, 192), has_text("that thread 0 of another block writes"));
    CHECK_THAT(run(total_kernel, 1, 64, 63), has_text("that thread 0 writes"));
    CHECK(run(in_place_kernel, 4, 64, false) == "");
    CHECK_THAT(run(in_place_kernel, 3, 64, true), has_text("reads, without a barrier"));
}

TEST_CASE("memory that is not there, or not yet") {
    CHECK(run(unwritten_kernel, 3, 64, true) == "");
    CHECK_THAT(run(unwritten_kernel, 3, 64, false),
               has_text("block (1 0 0): thread 6 reads 4 bytes of shared memory that nobody of "
                        "this block has written"));
    CHECK(run(unused_kernel, 1, 64, true) == "");
    CHECK_THAT(
        run(unused_kernel, 1, 64, false),
        has_text("thread 6 reads 4 bytes of shared memory that nobody of this block has written"));
    CHECK(run(beyond_kernel, 2, 128, 0) == "");
    CHECK_THAT(run(beyond_kernel, 2, 128, 1),
               has_text("thread 127 reads 4 bytes that lie neither in a block"));
    const auto number = std::make_unique<float>(3.0f);
    CHECK_THAT(run(elsewhere_kernel, 1, 32, number.get()),
               has_text("lie neither in a block of the device's memory nor"));
    CHECK(run(packs_kernel, 1, 32, 4) == "");
    CHECK_THAT(run(packs_kernel, 1, 32, 2), has_text("misaligned address"));
    CHECK(run(columns_kernel, 1, 8, 8) == "");
    CHECK_THAT(run(columns_kernel, 1, 8, 9), has_text("index 8 out of bounds"));
}

TEST_CASE("barriers that not all come to") {
    CHECK(run(some_wait_kernel, 1, 64, 64) == "");
    CHECK_THAT(run(some_wait_kernel, 1, 64, 32),
               has_text("threads wait for others that do not come"));
}
