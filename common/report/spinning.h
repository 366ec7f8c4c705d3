#pragma once

namespace ldm::report {

/// For the first line of main(): limits how long OpenMP's threads wait awake for the next parallel
/// loop. By default GCC's library spins for milliseconds, which on a machine where other programs
/// compute takes their time and, at the end of each loop, ours: a picture of the shipped model
/// takes three times as long beside one other program. With 1000 spins, some 40 microseconds, 1.7
/// times, and the same on a quiet machine (tests/benchmarks/busy_machine).
///
/// The library reads its settings before main() begins, so the program starts itself once more with
/// GOMP_SPINCOUNT (and KMP_BLOCKTIME, clang's) set. Does nothing where one of them or
/// OMP_WAIT_POLICY is set already.
void limit_spinning(char* const* argv);

}  // namespace ldm::report
