#include "chapters/12_conditioners/retrieval/clip_identity.h"

#include <fmt/format.h>

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
    const io::TensorFile file = io::open_safetensors(model.weight_files().front());
    std::vector<io::TensorEntry> towers;
    for (const io::TensorEntry& entry : file.entries())
        if (entry.name.starts_with(std::string(clip::place_in_model) + "."))
            towers.push_back(entry);
    if (towers.empty())
        throw Error(fmt::format("{}: no {} in it, so it cannot compare pictures with words",
                                model.name(), clip::place_in_model));
    const std::uint64_t sum = train::checksum(
        towers,
        {{"settings", model.setting("cond_stage_config").dump()}, {"merges", model.merges_text()}});
    const fs::path folder = fs::weakly_canonical(model_folder);
    return {.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string(),
            .fingerprint = fmt::format("{:016x}", sum)};
}

}  // namespace ldm::conditioners
