#include "chapters/ldm/picture_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>

#include "common/error.h"
#include "common/image/png.h"
#include "common/report/interrupt.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;

constexpr const char* standard_output = "-";

std::string lower_case_extension(const fs::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return extension;
}

/// The formats people ask for; a folder may well be called "run.1".
bool names_other_format(const std::string& extension) {
    static constexpr std::array extensions{".jpg",  ".jpeg", ".jpe", ".jxl",  ".webp", ".gif",
                                           ".bmp",  ".tif",  ".tga", ".tiff", ".ppm",  ".pnm",
                                           ".avif", ".heic", ".qoi", ".exr",  ".svg",  ".pdf"};
    return std::ranges::find(extensions, extension) != extensions.end();
}

/// 12 of "picture-12.png" where `start` is "picture-"; nothing for other names.
std::optional<std::int64_t> number_of(const fs::path& file, const std::string& start) {
    const std::string stem = file.stem().string();
    if (lower_case_extension(file) != ".png" || !stem.starts_with(start)) return {};
    const std::string_view digits = std::string_view(stem).substr(start.size());
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size();
    return is_number && number >= 0 ? std::optional(number) : std::nullopt;
}

/// One more than the highest number among the files <start><number>.png of the folder.
std::int64_t next_number(const fs::path& folder, const std::string& start) {
    std::int64_t next = 0;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, unreadable))
        if (const auto number = number_of(entry.path().filename(), start))
            next = std::max(next, *number + 1);
    return next;
}

/// <stem>-0.png, … beside each other, from the number `first` on.
std::vector<fs::path> numbered(const fs::path& output, std::int64_t first, std::size_t count) {
    std::vector<fs::path> paths;
    for (std::size_t i = 0; i < count; ++i)
        paths.push_back(output.parent_path() / fmt::format("{}-{}{}", output.stem().string(),
                                                           first + static_cast<std::int64_t>(i),
                                                           output.extension().string()));
    return paths;
}

std::vector<fs::path> beside(const OutputOptions& options, std::size_t count) {
    const fs::path output = options.output;
    const bool gives_way = !options.is_chosen && !options.overwrite;
    if (count == 1 && !(gives_way && fs::exists(output))) return {output};
    if (!gives_way) return numbered(output, 0, count);
    const std::int64_t next = next_number(output.parent_path(), output.stem().string() + "-");
    // the first of picture.png, picture-1.png, … is the one without a number
    return numbered(output, count == 1 ? std::max<std::int64_t>(next, 1) : next, count);
}

std::vector<fs::path> in_folder(const OutputOptions& options, std::size_t count) {
    const fs::path folder = options.output;
    if (fs::exists(folder) && !fs::is_directory(folder))
        throw Error(fmt::format(
            "{} is a file; --output takes a name that ends in .png, or a folder", options.output));
    const std::int64_t first = options.overwrite ? 0 : next_number(folder, "");
    std::vector<fs::path> paths;
    for (std::size_t i = 0; i < count; ++i)
        paths.push_back(folder / fmt::format("{:04}.png", first + static_cast<std::int64_t>(i)));
    return paths;
}

std::vector<fs::path> to_standard_output(std::size_t count) {
    if (count != 1) throw Error("--output - takes one picture at a time");
    if (::isatty(STDOUT_FILENO))
        throw Error(
            "--output - writes a PNG, which is nothing for a terminal: send it to a file "
            "or a program");
    return {standard_output};
}

/// Whether --output is the name of a picture, else it is that of a folder.
bool names_picture(const OutputOptions& options) {
    if (options.output.empty()) throw Error("--output is empty");
    const std::string extension = lower_case_extension(options.output);
    if (names_other_format(extension))
        throw Error(fmt::format("--output {}: pictures are written as PNG; call it {}",
                                options.output,
                                fs::path(options.output).replace_extension(".png").string()));
    return extension == ".png";
}

void save(const NewPicture& picture) {
    const image::PngText text{{"parameters", picture.parameters}};
    if (picture.path == standard_output) {
        const std::string png = image::encode_png(picture.picture, text);
        if (std::fwrite(png.data(), 1, png.size(), stdout) != png.size() || std::fflush(stdout))
            throw Error("the picture could not be written to standard output");
        return;
    }
    fs::create_directories(fs::absolute(picture.path).parent_path());
    image::save_png(picture.path, picture.picture, text);
}

}  // namespace

std::vector<fs::path> picture_paths(const OutputOptions& options, std::size_t count) {
    if (options.output == "-") return to_standard_output(count);
    const std::vector<fs::path> paths =
        names_picture(options) ? beside(options, count) : in_folder(options, count);
    for (const fs::path& path : paths) expect_writable(path, options.overwrite);
    return paths;
}

PicturePaths grid_paths(const OutputOptions& options, std::size_t count) {
    if (options.output == standard_output)
        throw Error(
            "with --grid, --output is a .png or a folder: there are many pictures to write");
    PicturePaths paths;
    if (names_picture(options)) {
        paths.grid = beside(options, 1).front();
        paths.pictures = numbered(paths.grid, 0, count);
    } else {
        const fs::path folder = options.output;
        paths.pictures = in_folder(options, count);
        const std::int64_t number = options.overwrite ? 0 : next_number(folder, "grid-");
        paths.grid = folder / fmt::format("grid-{:04}.png", number);
    }
    expect_writable(paths.grid, options.overwrite);
    for (const fs::path& path : paths.pictures) expect_writable(path, options.overwrite);
    return paths;
}

void expect_writable(const fs::path& path, bool overwrite) {
    // an AtomicFile adds some to the name while it writes
    constexpr std::size_t longest_name = 255 - 16;
    if (path.filename().string().size() > longest_name)
        throw Error(fmt::format("the name {}… is too long for a file: at most {} bytes",
                                path.filename().string().substr(0, 40), longest_name));
    if (fs::is_directory(path))
        throw Error(fmt::format("{} is a folder, so no file can have that name", path.string()));
    if (fs::is_regular_file(path) && !overwrite)
        throw Error(
            fmt::format("{} exists: choose another name, or give --overwrite", path.string()));
    fs::path folder = fs::absolute(path).parent_path();
    while (!fs::exists(folder)) folder = folder.parent_path();
    if (!fs::is_directory(folder)) throw Error(fmt::format("{} is not a folder", folder.string()));
    if (::access(folder.c_str(), W_OK) != 0)
        throw Error(fmt::format("the folder {} cannot be written", folder.string()));
}

/// All at once: to compress a picture may take a processor longer than a GPU takes to draw it.
/// Ctrl-C waits for them.
void save_pictures(const std::vector<NewPicture>& pictures) {
    const report::InterruptGuard finish_first;
    // what cannot be written is no reason to leave out the others
    std::vector<std::exception_ptr> trouble(pictures.size());
#pragma omp parallel for schedule(dynamic)
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        try {
            save(pictures[i]);
        } catch (...) {
            trouble[i] = std::current_exception();
        }
    }
    for (std::size_t i = 0; i < pictures.size(); ++i)
        if (!trouble[i] && pictures[i].path != standard_output)
            fmt::print("{}\n", pictures[i].path.string());
    std::fflush(stdout);
    for (const std::exception_ptr& error : trouble)
        if (error) std::rethrow_exception(error);
    report::throw_if_interrupted();
}

}  // namespace ldm::program
