#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

/// The program `ldm` as a person meets it. LDM_PROGRAM says where it is.

namespace ldm::test {

struct Outcome {
    int status;
    // both streams
    std::string output;
    int lines() const { return static_cast<int>(std::count(output.begin(), output.end(), '\n')); }
};

/// Runs `ldm <arguments>` in the shell.
inline Outcome run(const std::string& arguments, const std::string& before = "") {
    const std::string command = before + " " LDM_PROGRAM " " + arguments + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe);
    Outcome outcome{};
    std::array<char, 4096> buffer;
    while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), n);
    // clang's OpenMP library says in lines of its own what it would have liked to write
    while (outcome.output.starts_with("OMP: Warning"))
        outcome.output.erase(0, outcome.output.find('\n') + 1);
    const int status = ::pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

/// An empty folder that is gone afterwards.
struct Folder : TemporaryFolder {
    std::string operator/(const std::string& name) const { return (path() / name).string(); }
};

/// One clear line, a status of its own, nothing left in the folder.
inline void check_refused(const Outcome& outcome, const std::string& words, const Folder& folder) {
    INFO(outcome.output);
    CHECK(outcome.status != 0);
    CHECK(outcome.status < 128);
    CHECK_THAT(outcome.output, has_text(words));
    // CLI11 adds a line that points to --help
    CHECK(outcome.lines() <= 2);
    CHECK(folder.empty());
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace ldm::test
