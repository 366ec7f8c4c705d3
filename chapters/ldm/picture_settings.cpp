#include "chapters/ldm/picture_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "chapters/10_samplers/samplers.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/ldm/parameters.h"
#include "chapters/ldm/prompts.h"
#include "chapters/ldm/sampling_options.h"
#include "common/image/png.h"
#include "common/io/utf8.h"

namespace ldm::program {
namespace {

/// A setting by A1111's name, and the option that says the same.
struct Field {
    std::string_view key, option;
    /// The option is a flag, which this value sets; empty: the option takes the value as it is.
    std::string_view when = {};
};

constexpr std::array fields{
    Field{"Steps", "steps"},
    Field{"CFG scale", "cfg-scale"},
    Field{"Image CFG scale", "image-cfg-scale"},
    Field{"Seed", "seed"},
    Field{"Clip skip", "clip-skip"},
    Field{"Eta", "eta"},
    Field{"Eta DDIM", "eta"},
    Field{"Variation seed", "variation-seed"},
    Field{"Variation seed strength", "variation-strength"},
    Field{"Hires upscale", "hires-scale"},
    Field{"Hires steps", "hires-steps"},
    Field{"Mask blur", "mask-blur"},
    Field{"Mask mode", "invert-mask", "Inpaint not masked"},
    Field{"Inpaint area", "only-masked", "Only masked"},
    Field{"Masked area padding", "padding"},
    Field{"Prompt syntax", "prompt-syntax"},
    Field{"VAE tiling", "vae-tiling", "True"},
    Field{"Patch size", "patch-size"},
    Field{"Precision", "precision"},
    Field{"Prediction", "prediction"},
    Field{"Grid", "grid"},
    Field{"Class", "class"},
};

/// Of files that are named anew, and what counts only together with one of them.
constexpr std::array files_anew{
    Field{"Like", "like"},
    Field{"Segmentation", "segmentation"},
    Field{"Index", "index"},
    Field{"Classifier", "classifier"},
};
constexpr std::array of_files{
    std::pair{Field{"Neighbours", "neighbours"}, std::string_view("index")},
    std::pair{Field{"Classifier scale", "classifier-scale"}, std::string_view("classifier")},
    std::pair{Field{"Classifier class", "classifier-class"}, std::string_view("classifier")},
};

/// What changes no pixel, or stands elsewhere, too: hashes of files, A1111's version, LoRAs and
/// learned words that the prompt names.
constexpr std::array<std::string_view, 14> without_meaning{
    "Model hash", "VAE hash",        "Lora hashes", "TI hashes",       "Hashes",
    "Version",    "Init image hash", "Batch size",  "Batch pos",       "Civitai resources",
    "User",       "Created Date",    "Parser",      "Civitai metadata"};

/// What is done here anyway.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> usual{{
    {"ENSD", "0"},
    {"Emphasis", "Original"},
    {"Hires upscaler", "Lanczos"},
    {"Mask mode", "Inpaint masked"},
    {"Masked content", "original"},
    {"Inpaint area", "Whole picture"},
    {"Tiling", "False"},
    {"Hires sampler", "Use same sampler"},
    {"Prompt syntax", "a1111"},
}};

bool has(const auto& list, const auto& value) {
    return std::ranges::find(list, value) != list.end();
}

bool is_given(const CLI::App& command, const std::string& option) {
    const CLI::Option* found = command.get_option_no_throw("--" + option);
    return found && found->count() > 0;
}

/// "512x768" as two numbers; zeros for what is none.
std::pair<int, int> size_in(const std::string& text) {
    int width = 0, height = 0;
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, width);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != 'x') return {};
    const auto second = std::from_chars(first.ptr + 1, end, height);
    if (second.ec != std::errc() || second.ptr != end || width < 1 || height < 1) return {};
    return {width, height};
}

std::string lower_case(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// A sampler and a schedule as A1111 writes them, "DPM++ 2M" and "Karras", before its 1.9 as one
/// name, "DPM++ 2M Karras".
struct Sampling {
    const ddpm::SamplerKind* sampler = nullptr;
    const samplers::GridKind* schedule = nullptr;
};

Sampling sampling_of(const std::string& sampler, const std::string& schedule) {
    Sampling found;
    for (const samplers::GridKind& grid : samplers::grids())
        if (lower_case(grid.label) == lower_case(schedule)) found.schedule = &grid;
    for (const ddpm::SamplerKind& kind : samplers::samplers()) {
        if (lower_case(kind.label) == lower_case(sampler)) {
            found.sampler = &kind;
            break;
        }
        for (const samplers::GridKind& grid : samplers::grids())
            if (lower_case(kind.label + " " + grid.label) == lower_case(sampler))
                found = {&kind, &grid};
    }
    return found;
}

/// Reads one picture's text for one command.
class Reader {
public:
    Reader(const std::string& path, const CLI::App& command)
        : command_(command), file_(text::printable(path)) {
        const auto text = image::read_png_text(path);
        const auto found = text.find("parameters");
        if (found == text.end())
            throw Error(fmt::format(
                "{}: there is no text \"parameters\" in it, where ldm and A1111 write the settings "
                "of a picture (programs that save it anew may leave it out): give them as options",
                file_));
        try {
            parameters_ = parse_parameters(found->second);
        } catch (const Error& error) {
            throw Error(fmt::format("{}: {}: give them as options", file_, error.what()));
        }
        expect_text(found->second, file_ + ": its text");
    }

    PictureSettings read() && {
        result_.origin.file = file_;
        set("prompt", parameters_.prompt);
        if (!parameters_.negative_prompt.empty())
            set("negative-prompt", parameters_.negative_prompt);
        for (const auto& [key, value] : parameters_.settings) read_field(key, value);
        read_sampling();
        read_strength();
        // A1111's own default is the generator of a GPU
        set("rng", parameters_.value("RNG") == "CPU" ? "cpu" : "cuda");
        read_loras();
        return std::move(result_);
    }

private:
    bool takes(std::string_view option) const {
        return command_.get_option_no_throw(fmt::format("--{}", option));
    }

    void set(std::string_view option, const std::string& value) {
        result_.settings[std::string(option)] = {value};
    }

    void tell(std::string_view key, const std::string& value) {
        result_.unknown.push_back(
            fmt::format("{}: {}", text::printable(key, 40), text::printable(value, 40)));
    }

    void read_field(const std::string& key, const std::string& value) {
        static constexpr std::array<std::string_view, 6> elsewhere{
            "Sampler", "Schedule type", "Denoising strength", "RNG", "Lora", "TI"};
        if (has(elsewhere, key) || has(without_meaning, key) ||
            has(usual, std::pair<std::string_view, std::string_view>(key, value)))
            return;
        if (key == "Model") {
            result_.origin.model = value;
        } else if (key == "VAE") {
            result_.origin.vae = value;
        } else if (key == "VAE Decoder" && value == "TAESD") {
            result_.origin.taesd = true;
        } else if (key == "Size" || key == "Hires resize") {
            read_size(key, value);
        } else {
            for (const Field& field : files_anew)
                if (field.key == key && is_given(command_, std::string(field.option))) return;
            for (const auto& [field, file] : of_files) {
                if (field.key != key) continue;
                if (is_given(command_, std::string(file))) set(field.option, value);
                return;
            }
            for (const Field& field : fields) {
                if (field.key != key || !takes(field.option)) continue;
                if (!field.when.empty() && field.when != value) continue;
                set(field.option, field.when.empty() ? value : "true");
                return;
            }
            tell(key, value);
        }
    }

    void read_size(const std::string& key, const std::string& value) {
        const auto [width, height] = size_in(value);
        if (width == 0)
            throw Error(fmt::format("{}: {} is no size", file_, text::printable(value)));
        if (key == "Size") {
            set("width", std::to_string(width));
            set("height", std::to_string(height));
            return;
        }
        const auto [from_width, from_height] = size_in(parameters_.value("Size"));
        const bool in_proportion = from_width > 0 && std::int64_t{width} * from_height ==
                                                         std::int64_t{height} * from_width;
        if (in_proportion && takes("hires-scale"))
            set("hires-scale", fmt::format("{}", static_cast<double>(width) / from_width));
        else
            tell(key, value);
    }

    void read_sampling() {
        const std::string sampler = parameters_.value("Sampler"),
                          schedule = parameters_.value("Schedule type");
        if (schedule == schedule_of_folder) {
            result_.origin.own_scheduler = true;
            return;
        }
        if (is_given(command_, "sampler")) return leave_to_other_sampler(schedule);
        if (sampler.empty()) return;
        const Sampling found = sampling_of(sampler, schedule);
        if (!found.sampler)
            throw Error(
                fmt::format("{}: there is no sampler \"{}\" here: choose one with --sampler", file_,
                            text::printable(sampler)));
        set("sampler", found.sampler->name);
        if (found.sampler->name == "dpm_adaptive") result_.settings.erase("steps");
        if (found.sampler->schedule.empty() || schedule == "Automatic") return;
        if (!schedule.empty() && !found.schedule && !is_given(command_, "schedule"))
            throw Error(
                fmt::format("{}: there is no schedule \"{}\" here: choose one with --schedule",
                            file_, text::printable(schedule)));
        // of old, without a name it was k-diffusion's
        set("schedule", found.schedule ? found.schedule->name : "discrete");
    }

    /// What the picture says of the sampler that was replaced.
    void leave_to_other_sampler(const std::string& schedule) {
        result_.settings.erase("eta");
        const auto& kind =
            find_sampler(samplers::samplers(), command_.get_option("--sampler")->as<std::string>());
        if (kind.name == "dpm_adaptive") result_.settings.erase("steps");
        const Sampling found = sampling_of("", schedule);
        if (!kind.schedule.empty() && found.schedule) set("schedule", found.schedule->name);
    }

    /// One name for two things.
    void read_strength() {
        const std::string strength = parameters_.value("Denoising strength");
        if (strength.empty()) return;
        if (takes("strength"))
            set("strength", strength);
        else if (result_.settings.contains("hires-scale"))
            set("hires-strength", strength);
        else
            tell("Denoising strength", strength);
    }

    /// "style: 0.5, other: 1", and names of learned words with hashes in A1111's.
    void read_loras() {
        std::string name;
        for (const std::string& part : CLI::detail::split(parameters_.value("Lora"), ',')) {
            name += (name.empty() ? "" : ",") + part;
            const std::size_t colon = name.rfind(": ");
            if (colon == name.npos) continue;
            result_.origin.loras.push_back(
                {CLI::detail::trim_copy(name.substr(0, colon)), name.substr(colon + 2)});
            name.clear();
        }
        for (const std::string& word : CLI::detail::split(parameters_.value("TI"), ','))
            if (!word.empty())
                result_.origin.learned_words.push_back(
                    CLI::detail::trim_copy(word.substr(0, word.find(": "))));
    }

    const CLI::App& command_;
    std::string file_;
    Parameters parameters_;
    PictureSettings result_;
};

}  // namespace

PictureSettings settings_of_picture(const std::string& path, const CLI::App& command) {
    return Reader(path, command).read();
}

}  // namespace ldm::program
