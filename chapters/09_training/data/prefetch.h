#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace ldm::train {

/// Prepares the next few items on a thread of its own while the caller works on the one before.
///
///     Prefetch<Batch> batches([&](std::int64_t step) { return source.at(step); }, first_step);
///     for (...) train_on(batches.next());
///
/// next() gives make(first), make(first + 1), ... in this order. What `make` throws is thrown by
/// next() in the place of the item, and again by every call after it. The destructor waits for the
/// item that is being made, no longer.
template <typename Item>
class Prefetch {
public:
    using Make = std::function<Item(std::int64_t)>;

    /// At most `ahead` items wait to be fetched.
    explicit Prefetch(Make make, std::int64_t first = 0, std::size_t ahead = 3)
        : make_(std::move(make)),
          ahead_(ahead),
          thread_([this, first](const std::stop_token& stop) { work(stop, first); }) {}

    Item next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !ready_.empty() || failure_; });
        if (ready_.empty()) std::rethrow_exception(failure_);
        Item item = std::move(ready_.front());
        ready_.pop_front();
        changed_.notify_all();
        return item;
    }

private:
    void work(const std::stop_token& stop, std::int64_t number) {
        try {
            for (;; ++number) {
                {
                    std::unique_lock lock(mutex_);
                    if (!changed_.wait(lock, stop, [&] { return ready_.size() < ahead_; })) return;
                }
                if (stop.stop_requested()) return;
                Item item = make_(number);
                const std::lock_guard lock(mutex_);
                ready_.push_back(std::move(item));
                changed_.notify_all();
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            failure_ = std::current_exception();
            changed_.notify_all();
        }
    }

    Make make_;
    std::size_t ahead_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Item> ready_;
    std::exception_ptr failure_;
    /// last, so that it stops before the rest goes
    std::jthread thread_;
};

}  // namespace ldm::train
