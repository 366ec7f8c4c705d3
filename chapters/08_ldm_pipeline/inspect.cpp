#include "chapters/08_ldm_pipeline/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "common/io/safetensors.h"
#include "common/io/utf8.h"
#include "common/report/table.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;

struct Part {
    std::string name, prefix;
};
const Part parts[] = {{"UNet", "model.diffusion_model."},
                      {"autoencoder", "first_stage_model."},
                      {"text encoder (CLIP's)", "cond_stage_model."},
                      {"CLIP with its image tower (not used for drawing)", "clip_model."},
                      {"EMA copy of the UNet (not used for drawing)", "model_ema."}};

std::string megabytes(std::uintmax_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// "F16", or "F16, I64" where a file mixes them.
std::string precision_of(const std::vector<fs::path>& files) {
    std::set<std::string_view> kinds;
    for (const fs::path& path : files) {
        const io::SafetensorsFile file(path);
        for (const io::TensorEntry& entry : file.entries()) kinds.insert(io::name_of(entry.dtype));
    }
    return fmt::format("{}", fmt::join(kinds, ", "));
}

std::string table_of_parts(const nn::Checkpoint& checkpoint) {
    report::Table table({"part", "tensors", "numbers"});
    std::size_t listed = 0;
    for (const auto& [name, prefix] : parts) {
        const auto [tensors, numbers] = checkpoint.count(prefix);
        if (tensors > 0) table.add({name, std::to_string(tensors), std::to_string(numbers)});
        listed += tensors;
    }
    const auto [tensors, numbers] = checkpoint.count("");
    if (tensors > listed) table.add({"other", std::to_string(tensors - listed), ""});
    table.add({"all", std::to_string(tensors), std::to_string(numbers)});
    return table.text();
}

/// A safetensors file that is no model: what is in it all the same.
Inspection inspect_file(const fs::path& path) {
    const io::SafetensorsFile file(path);
    std::size_t numbers = 0;
    for (const io::TensorEntry& entry : file.entries()) numbers += entry.count();
    std::string text = fmt::format(
        "{}\na sound safetensors file, but no SD 1.x checkpoint\n{} tensors, {} numbers ({}), {}\n",
        path.string(), file.entries().size(), numbers, precision_of({path}),
        megabytes(fs::file_size(path)));
    constexpr std::size_t shown = 12;
    for (std::size_t i = 0; i < std::min(shown, file.entries().size()); ++i)
        text += fmt::format("  {} {}\n", text::printable(file.entries()[i].name),
                            text::printable(io::shape_text(file.entries()[i].shape)));
    if (file.entries().size() > shown)
        text += fmt::format("  … and {} more\n", file.entries().size() - shown);
    return {text, false};
}

}  // namespace

Inspection inspect(const fs::path& path) {
    if (fs::is_regular_file(path) &&
        !io::SafetensorsFile(path).contains("model.diffusion_model.input_blocks.0.0.weight"))
        return inspect_file(path);

    const ModelFiles files = open_model(path);
    std::uintmax_t bytes = 0;
    for (const fs::path& file : files.weight_files) bytes += fs::file_size(file);
    Inspection result;
    result.text = fmt::format("{}\n{}\nweights {}, {}\n\n{}\n", path.string(),
                              to_string(files.kind), precision_of(files.weight_files),
                              megabytes(bytes), table_of_parts(*files.checkpoint));
    try {
        files.checkpoint->load_nothing();
        const LatentDiffusion model(files);
        result.whole = true;
        result.text += fmt::format(
            "whole: everything is there to draw pictures of {0} x {0} pixels (multiples of {1})\n",
            model.image_size(), model.size_step());
    } catch (const Error& error) {
        result.text += fmt::format("not whole: {}\n", text::printable_lines(error.what()));
    }
    return result;
}

}  // namespace ldm::pipeline
