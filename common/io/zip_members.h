#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace ldm::io {

/// One file inside of a zip file.
struct ZipMember {
    /// as they lie in the zip file
    std::span<const std::byte> bytes;
    /// whether these are the member's own bytes: neither compressed nor encrypted
    bool is_stored = false;
};

/// By name. A name is nothing but a key: no file is ever opened by it.
using ZipMembers = std::map<std::string, ZipMember, std::less<>>;

/// The members of a zip file that is in memory, as views of it (minizip reads its directory). Their
/// checksums are not compared: they would take to read gigabytes, and torch.save may leave them
/// out. Throws an ldm::Error that begins with `what` for a cut or malformed file, a name that is
/// there twice, members that lie over each other, and more than 100,000 of them.
[[nodiscard]] ZipMembers read_zip_members(std::span<const std::byte> file, std::string_view what);

}  // namespace ldm::io
