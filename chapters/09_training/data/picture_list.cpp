#include "chapters/09_training/data/picture_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/utf8.h"

namespace ldm::train {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string read_utf8(const fs::path& path) {
    std::string text = io::read_text_file(path);
    if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
    return text;
}

/// Where a file of metadata.jsonl or of a list is; it must not be outside of the folder.
fs::path inside(const fs::path& folder, const std::string& name) {
    const fs::path relative = fs::path(name).lexically_normal();
    if (relative.is_absolute() || relative.empty() || relative == "." || *relative.begin() == "..")
        throw Error(
            fmt::format("file_name '{}' is no file inside of the folder", text::printable(name)));
    return folder / relative;
}

PictureFile read_row(const fs::path& folder, const io::Json& row, Captions captions) {
    PictureFile picture;
    picture.path = inside(folder, io::get<std::string>(row, "file_name"));
    picture.caption = captions == Captions::needed ? io::get<std::string>(row, "text")
                                                   : io::get_or(row, "text", "");
    picture.concept_name =
        io::get_or(row, "concept", picture.caption.substr(0, picture.caption.find(':')));
    if (const auto label = row.find("class_label"); label != row.end())
        picture.class_label =
            label->is_number_integer() ? label->dump() : io::get<std::string>(row, "class_label");
    if (const auto map = io::get_or(row, "segmentation", ""); !map.empty())
        picture.segmentation = inside(folder, map);
    return picture;
}

std::vector<PictureFile> read_metadata(const fs::path& folder, const fs::path& file,
                                       Captions captions) {
    const std::string text = read_utf8(file);
    std::vector<PictureFile> pictures;
    std::unordered_map<std::string, int> line_of;
    int number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
        begin = end + 1;
        ++number;
        if (line.empty()) continue;
        const std::string where = fmt::format("{}:{}", file.string(), number);
        if (!text::is_valid_utf8(line)) throw Error(fmt::format("{}: not valid UTF-8", where));
        const io::Json row = io::parse_json(line, where);
        try {
            pictures.push_back(read_row(folder, row, captions));
            const auto [known, is_new] = line_of.emplace(pictures.back().path.string(), number);
            if (!is_new)
                throw Error(fmt::format("'{}' is listed in line {} already",
                                        text::printable(pictures.back().path.filename().string()),
                                        known->second));
        } catch (const Error& error) {
            throw Error(fmt::format("{}: {}", where, error.what()));
        }
    }
    if (pictures.empty()) throw Error(fmt::format("{}: lists no pictures", file.string()));
    return pictures;
}

/// By its name. Only the first four are read; the others are listed so that somebody says what to
/// do with them.
bool is_picture(const fs::path& path) {
    static constexpr std::array<std::string_view, 12> endings = {".png",  ".jpg", ".jpeg", ".bmp",
                                                                 ".gif",  ".tga", ".ppm",  ".pgm",
                                                                 ".webp", ".tif", ".tiff", ".avif"};
    std::string ending = path.extension().string();
    std::ranges::transform(ending, ending.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    return std::ranges::find(endings, ending) != endings.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<fs::path> find_pictures(const fs::path& folder) {
    std::vector<fs::path> paths;
    try {
        for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::end(entry);
             ++entry) {
            // A link that leads to itself is no folder; reading it will say what is wrong.
            std::error_code unknown;
            const bool is_folder = entry->is_directory(unknown);
            if (is_hidden(entry->path())) {
                entry.disable_recursion_pending();
            } else if (is_picture(entry->path()) && !is_folder) {
                paths.push_back(entry->path());
            }
        }
    } catch (const fs::filesystem_error& error) {
        throw Error(
            fmt::format("{}: cannot list the folder: {}", folder.string(), error.code().message()));
    }
    std::ranges::sort(paths, {}, [](const fs::path& path) { return path.generic_string(); });
    return paths;
}

/// The text beside a picture.
std::string read_caption(const fs::path& file) {
    const std::string text = read_utf8(file);
    if (!text::is_valid_utf8(text)) throw Error(fmt::format("{}: not valid UTF-8", file.string()));
    return std::string(trimmed(text));
}

/// The pictures that a list names.
std::vector<fs::path> read_list(const fs::path& folder, const fs::path& file) {
    std::vector<fs::path> paths;
    std::unordered_map<std::string, int> line_of;
    std::istringstream lines(read_utf8(file));
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const std::string name(trimmed(line));
        if (name.empty()) continue;
        const std::string where = fmt::format("{}:{}", file.string(), number);
        if (!text::is_valid_utf8(name)) throw Error(fmt::format("{}: not valid UTF-8", where));
        try {
            paths.push_back(inside(folder, name));
        } catch (const Error& error) {
            throw Error(fmt::format("{}: {}", where, error.what()));
        }
        const auto [known, is_new] = line_of.emplace(paths.back().string(), number);
        if (!is_new)
            throw Error(fmt::format("{}: '{}' is listed in line {} already", where,
                                    text::printable(name), known->second));
    }
    if (paths.empty()) throw Error(fmt::format("{}: lists no pictures", file.string()));
    return paths;
}

/// Those pictures of metadata.jsonl that are at `paths`.
std::vector<PictureFile> chosen(const std::vector<PictureFile>& pictures,
                                const std::vector<fs::path>& paths, const fs::path& list) {
    std::unordered_map<std::string, const PictureFile*> by_path;
    for (const PictureFile& picture : pictures) by_path[picture.path.string()] = &picture;
    std::vector<PictureFile> found;
    for (const fs::path& path : paths) {
        const auto picture = by_path.find(path.string());
        if (picture == by_path.end())
            throw Error(fmt::format("{}: '{}' is not in metadata.jsonl", list.string(),
                                    text::printable(path.string())));
        found.push_back(*picture->second);
    }
    return found;
}

std::vector<PictureFile> with_captions(const fs::path& folder, const std::vector<fs::path>& paths,
                                       Captions captions) {
    if (paths.empty())
        throw Error(fmt::format("{}: no pictures here, and no metadata.jsonl", folder.string()));
    std::vector<PictureFile> pictures;
    std::vector<fs::path> without;
    for (const fs::path& path : paths) {
        pictures.push_back({.path = path});
        if (const fs::path inside = path.lexically_relative(folder); inside.has_parent_path())
            pictures.back().class_label = inside.begin()->string();
        if (captions == Captions::ignored) continue;
        const fs::path beside = fs::path(path).replace_extension(".txt");
        std::error_code unknown;
        if (!fs::exists(beside, unknown)) {
            without.push_back(path);
            continue;
        }
        PictureFile& picture = pictures.back();
        picture.caption = read_caption(beside);
        picture.concept_name = picture.caption.substr(0, picture.caption.find(':'));
    }
    if (!without.empty())
        throw Error(fmt::format(
            "{}: {} of {} pictures have no caption, the first is {} (expected metadata.jsonl with "
            "file_name and text, or a .txt beside every picture)",
            folder.string(), without.size(), paths.size(),
            text::printable(without.front().filename().string())));
    return pictures;
}

}  // namespace

std::vector<PictureFile> list_pictures(const fs::path& folder, Captions captions,
                                       const std::string& list) {
    std::error_code unknown;
    if (!fs::is_directory(folder, unknown))
        throw Error(fmt::format("{}: no such folder", folder.string()));
    const fs::path metadata = folder / "metadata.jsonl", listed = folder / list;
    std::vector<fs::path> paths;
    if (!list.empty()) paths = read_list(folder, listed);
    std::vector<PictureFile> pictures;
    if (fs::exists(metadata, unknown)) {
        pictures = read_metadata(folder, metadata, captions);
        if (!list.empty()) pictures = chosen(pictures, paths, listed);
    } else {
        pictures = with_captions(folder, list.empty() ? find_pictures(folder) : paths, captions);
    }
    for (PictureFile& picture : pictures)
        if (picture.concept_name.empty()) picture.concept_name = picture.path.string();
    return pictures;
}

}  // namespace ldm::train
