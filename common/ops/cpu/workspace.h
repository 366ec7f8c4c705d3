#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace ldm::ops::cpu {

/// Scratch memory of type T for each thread of a loop, taken before the loop begins and given back
/// when it is done. It is not given back to the system: fresh memory for every product would cost a
/// page fault for every 4 kB.
template <class T>
class [[nodiscard]] Workspaces {
public:
    explicit Workspaces(int threads) {
        mine_.reserve(threads);
        const std::scoped_lock lock(mutex());
        for (int i = 0; i < threads; ++i) {
            if (waiting().empty()) {
                // room for its way back, so that giving back allocates nothing
                waiting().reserve(++made());
                mine_.push_back(std::make_unique<T>());
                continue;
            }
            mine_.push_back(std::move(waiting().back()));
            waiting().pop_back();
        }
    }
    ~Workspaces() {
        const std::scoped_lock lock(mutex());
        // in the order in which the next loop takes them, so that a thread finds its own
        while (!mine_.empty()) {
            waiting().push_back(std::move(mine_.back()));
            mine_.pop_back();
        }
    }
    Workspaces(const Workspaces&) = delete;
    Workspaces& operator=(const Workspaces&) = delete;

    T& operator[](int thread) { return *mine_[thread]; }

private:
    // Never destroyed: threads may still multiply while the program ends.
    static std::mutex& mutex() {
        static std::mutex& of_all = *new std::mutex;
        return of_all;
    }
    static std::vector<std::unique_ptr<T>>& waiting() {
        static auto& of_all = *new std::vector<std::unique_ptr<T>>;
        return of_all;
    }
    static std::size_t& made() {
        static std::size_t count = 0;
        return count;
    }

    std::vector<std::unique_ptr<T>> mine_;
};

}  // namespace ldm::ops::cpu
