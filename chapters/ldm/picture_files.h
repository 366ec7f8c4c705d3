#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/image/image.h"

/// Where the pictures of a run go. Nothing that exists is overwritten unless that was asked for.

namespace ldm::program {

struct OutputOptions {
    /// PICTURE.png, a folder, or "-" for standard output
    std::string output = "picture.png";
    /// whether the person chose that name
    bool is_chosen = false;
    bool overwrite = false;
};

/// The files of `count` pictures: PICTURE.png alone, PICTURE-0.png … of several, or in a folder
/// 0000.png …, where the numbers go on after those that are there. The name nobody chose gives way
/// to files that exist: picture-1.png. Makes nothing yet. Throws an Error when one of the names is
/// taken, is a folder, belongs to another format or cannot be written, so that a run ends before
/// the work and not after it.
std::vector<std::filesystem::path> picture_paths(const OutputOptions& options, std::size_t count);

struct PicturePaths {
    /// of the picture that shows all of them; empty: there is none
    std::filesystem::path grid;
    std::vector<std::filesystem::path> pictures;
};

/// The files of a grid and its `count` cells: PICTURE.png with PICTURE-0.png …, or in a folder
/// grid-0000.png, whose number goes on as well, with 0000.png …. Throws as picture_paths() does,
/// and for standard output.
PicturePaths grid_paths(const OutputOptions& options, std::size_t count);

/// Throws an Error when a file of this name could not be written at the end of the run, or when it
/// exists and must not be overwritten.
void expect_writable(const std::filesystem::path& path, bool overwrite);

struct NewPicture {
    std::filesystem::path path;
    image::Image picture;
    /// how it was made, for the PNG's text
    std::string parameters;
};

/// Writes them all, and the names of those that were written on stdout; the one for standard output
/// itself instead.
void save_pictures(const std::vector<NewPicture>& pictures);

}  // namespace ldm::program
