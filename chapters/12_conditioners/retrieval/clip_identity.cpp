#include "chapters/12_conditioners/retrieval/clip_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "chapters/03_clip/towers.h"
#include "chapters/09_training/run/checksum.h"
#include "common/error.h"
#include "common/io/safetensors.h"
#include "common/nn/model_source.h"

namespace ldm::conditioners {

ClipIdentity clip_identity(const std::filesystem::path& model_folder) {
    namespace fs = std::filesystem;
    const nn::ModelSource model = nn::open_folder(model_folder);
    // an entry points into its file
    std::vector<io::TensorFile> files;
    std::vector<io::TensorEntry> towers;
    for (const fs::path& path : model.weight_files())
        for (const io::TensorEntry& entry :
             files.emplace_back(io::open_safetensors(path)).entries())
            if (entry.name.starts_with(std::string(clip::place_in_model) + ".") &&
                std::ranges::count(towers, entry.name, &io::TensorEntry::name) == 0)
                towers.push_back(entry);
    if (towers.empty())
        throw Error(fmt::format("{}: no {} in it, so it cannot compare pictures with words",
                                model.name(), clip::place_in_model));
    const std::uint64_t sum =
        train::checksum(towers, {{"settings", clip::Towers::settings_in(model.config()).dump()},
                                 {"merges", model.merges_text()}});
    const fs::path folder = fs::weakly_canonical(model_folder);
    return {.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string(),
            .fingerprint = fmt::format("{:016x}", sum)};
}

}  // namespace ldm::conditioners
