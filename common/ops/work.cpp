#include "common/ops/work.h"

namespace ldm::ops {
namespace {
std::atomic<WorkCount*> in_scope = nullptr;
}

WorkCount::WorkCount() { in_scope = this; }
WorkCount::~WorkCount() { in_scope = nullptr; }

void add_work(double operations) {
    if (WorkCount* count = in_scope) count->operations_ += operations;
}

}  // namespace ldm::ops
