#include "common/parallel.h"

#include <new>

#include "common/error.h"

namespace ldm {

void FirstException::throw_first() const {
    try {
        std::rethrow_exception(first_);
    } catch (const std::bad_alloc&) {
        throw OutOfMemory("the memory is full: a thread's scratch memory no longer fits");
    }
}

}  // namespace ldm
