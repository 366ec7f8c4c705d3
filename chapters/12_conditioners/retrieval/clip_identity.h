#pragma once

#include <filesystem>
#include <string>

namespace ldm::conditioners {

/// Which CLIP made embeddings. Those of two CLIPs have nothing in common.
struct ClipIdentity {
    /// of its folder, for people
    std::string name;
    /// 16 hexadecimal digits that change with any weight of its towers, and with its settings and
    /// vocabulary
    std::string fingerprint;
};

/// That of a model folder, of which all weights of CLIP are read. Throws an Error if it has no
/// CLIP, and as nn::open_folder does.
[[nodiscard]] ClipIdentity clip_identity(const std::filesystem::path& model_folder);

}  // namespace ldm::conditioners
