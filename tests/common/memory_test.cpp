#include "common/device/memory.h"

#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "common/error.h"
#include "common/tensor/tensor.h"
#include "tests/support/catch.h"

using namespace ldm;
using ldm::test::has_text;

TEST_CASE("memory is aligned to a cache line and belongs to one tensor alone") {
    std::vector<std::shared_ptr<void>> blocks;
    const std::vector<std::int64_t> sizes = {0, 1, 100, 1 << 20, 5 << 20, 5 << 20, 9 << 20};
    for (int round = 0; round < 3; ++round) {
        blocks.clear();
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            blocks.push_back(allocate(sizes[i]));
            CHECK(reinterpret_cast<std::uintptr_t>(blocks[i].get()) % 64 == 0);
            std::memset(blocks[i].get(), static_cast<int>(i + 1), sizes[i]);
        }
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            const auto* bytes = static_cast<const unsigned char*>(blocks[i].get());
            for (std::int64_t at = 0; at < sizes[i]; ++at)
                if (bytes[at] != i + 1) FAIL("two blocks share memory");
        }
    }
}

TEST_CASE("threads may take and give back memory at the same time") {
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([t, &wrong] {
            for (int i = 0; i < 50; ++i) {
                Tensor x = Tensor::full({1 << 20}, static_cast<float>(t));
                for (std::int64_t at = 0; at < x.size(); at += 4096) wrong[t] += x.data()[at] != t;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::vector<int>(4, 0));
}

// which ends the program instead
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("memory that no machine has is an exception") {
    CHECK_THROWS_AS(allocate(std::int64_t{1} << 62), OutOfMemory);
    CHECK_THROWS_WITH(allocate(std::int64_t{1} << 50), has_text("1073741824.0 MiB asked for"));
}
#endif

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("a freed block waits for the next of its size, as long as it may") {
    constexpr std::int64_t size = 6 << 20;
    void* first = allocate(size).get();
    CHECK(allocate(size).get() == first);
    let_wait(0);
    std::vector<std::shared_ptr<void>> blocks = {allocate(size), allocate(size)};
    let_wait(size);
    const void* last = blocks[1].get();
    // from the front; one of the two may wait
    blocks.clear();
    CHECK(allocate(size).get() == last);
    CHECK(memory_use().waiting == size);

    const std::int64_t others = memory_use().now;
    let_wait(others + 2 * size);
    // no room is left for the block that waits
    const auto large = allocate(2 * size);
    CHECK(memory_use().waiting == 0);
    let_wait(std::int64_t{512} << 20);
}
#endif
