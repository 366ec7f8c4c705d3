#pragma once

#include <string>
#include <string_view>

/// How the state of a generator becomes text and back: "<kind> <numbers> #<checksum>". A state that
/// was cut, edited or written by another kind of generator must not be taken for one.
namespace ldm::random {

std::string write_state(std::string_view kind, std::string_view numbers);

/// The numbers. Throws an Error unless write_state() has made `state` for this kind.
std::string read_state(std::string_view kind, std::string_view state);

}  // namespace ldm::random
