#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::text {

/// What CLIP does to a text before byte pair encoding: composed form (NFC), lower case, and a cut
/// into pieces, each of which is one of
///
///     's 't 're 've 'm 'll 'd  |  letters  |  one digit  |  anything else but white space
///
/// White space only separates. Throws ldm::Error as normalized() does.
std::vector<std::string> clip_pieces(std::string_view text);

}  // namespace ldm::text
