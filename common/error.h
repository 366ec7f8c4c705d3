#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

namespace ldm {

/// What every part of the project throws: one line that says the place, what was expected and
/// what was found, fit to be shown to a person as it is.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A device has no memory left.
class OutOfMemory : public Error {
public:
    using Error::Error;
};

/// Throws an Error whose text starts with the place of the call: "conv2d.cpp:21 in conv2d(): …".
[[noreturn]] void fail(const std::string& message,
                       std::source_location where = std::source_location::current());

/// Throws like fail() unless `condition` holds.
inline void expect(bool condition, const std::string& message,
                   std::source_location where = std::source_location::current()) {
    if (!condition) fail(message, where);
}

}  // namespace ldm
