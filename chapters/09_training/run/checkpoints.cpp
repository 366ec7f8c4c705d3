#include "chapters/09_training/run/checkpoints.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <system_error>

#include "chapters/09_training/run/checksum.h"
#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/utf8.h"

namespace ldm::train {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view prefix = "step_", ending = ".safetensors",
                           format_name = "ldm-training v1";

std::optional<std::int64_t> parse_step(std::string_view digits) {
    std::int64_t step = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
    const bool complete = error == std::errc() && end == digits.data() + digits.size() && step >= 0;
    return complete ? std::optional(step) : std::nullopt;
}

std::optional<std::int64_t> step_of(std::string_view name) {
    if (!name.starts_with(prefix) || !name.ends_with(ending)) return std::nullopt;
    name.remove_prefix(prefix.size());
    return name.size() > ending.size() ? parse_step(name.substr(0, name.size() - ending.size()))
                                       : std::nullopt;
}

/// The states of a folder, the newest first; empty when there is no such folder.
std::map<std::int64_t, fs::path, std::greater<>> states_of(const fs::path& folder) {
    std::map<std::int64_t, fs::path, std::greater<>> states;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (const auto step = step_of(entry.path().filename().string()))
            states.emplace(*step, entry.path());
    return states;
}

fs::path made(fs::path folder) {
    io::make_folder(folder);
    return folder;
}

/// What a killed training was just writing.
void remove_unfinished(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        const auto part = name.find(".part");
        if (part != name.npos && step_of(name.substr(0, part))) fs::remove(entry.path(), error);
    }
}

/// Waits until the names of a folder's files are on the disk.
void sync_folder(const fs::path& folder) {
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return;
    ::fsync(file);
    ::close(file);
}

std::string checksum_text(std::span<const io::TensorEntry> entries,
                          std::map<std::string, std::string> metadata) {
    metadata.erase("checksum");
    return fmt::format("{:016x}", checksum(entries, metadata));
}

}  // namespace

std::string state_file_name(std::int64_t step) {
    return fmt::format("{}{:06}{}", prefix, step, ending);
}

SavedState::SavedState(const fs::path& path) : file_(io::open_safetensors(path)) {
    const auto reject = [&](std::string_view why) {
        throw Error(fmt::format("{}: {}", path.string(), why));
    };
    if (!file_.metadata().contains("format") || text("format") != format_name)
        reject("not the state of a training");
    if (text("checksum") != checksum_text(file_.entries(), file_.metadata()))
        reject("damaged: the checksum is another one");
    const auto step = parse_step(text("step"));
    if (!step) reject(fmt::format("the step is '{}'", text::printable(text("step"))));
    step_ = *step;
}

const std::string& SavedState::text(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end())
        throw Error(
            fmt::format("{}: there is no '{}' in the metadata", file_.path().string(), key));
    return found->second;
}

std::optional<SavedState> latest_state(const fs::path& folder,
                                       const std::function<void(const std::string&)>& warn) {
    for (const auto& [step, path] : states_of(folder)) {
        try {
            SavedState state(path);
            if (state.step() == step) return state;
            warn(fmt::format("skipped: {}: it is of step {}", path.string(), state.step()));
        } catch (const Error& error) {
            warn(fmt::format("skipped: {}", error.what()));
        }
    }
    return std::nullopt;
}

Checkpoints::Checkpoints(const fs::path& folder, int keep)
    : folder_(made(folder)), keep_(static_cast<std::size_t>(keep)), lock_(folder) {
    expect(keep >= 1, fmt::format("expected to keep at least one checkpoint, got {}", keep));
    remove_unfinished(folder_);
}

std::size_t Checkpoints::count() const { return states_of(folder_).size(); }

fs::path Checkpoints::save(std::int64_t step, std::span<const io::TensorEntry> entries,
                           std::map<std::string, std::string> metadata) {
    metadata["format"] = format_name;
    metadata["step"] = std::to_string(step);
    metadata["checksum"] = checksum_text(entries, metadata);
    const fs::path path = folder_ / state_file_name(step);
    io::write_safetensors(path, entries, metadata);
    sync_folder(folder_);

    std::size_t kept = 0;
    for (const auto& [other, old] : states_of(folder_)) {
        std::error_code ignored;
        if (other > step || ++kept > keep_) fs::remove(old, ignored);
    }
    return path;
}

}  // namespace ldm::train
