#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ldm::train {

/// One picture of a data set, not read yet.
struct PictureFile {
    std::filesystem::path path;
    std::string caption;
    /// Its concept, "nurse" for "nurse: dark skin tone" (see batch_order.h). A picture without
    /// caption has one of its own.
    std::string concept_name;
    /// The class that it is of; empty if nothing says it.
    std::string class_label = {};
    /// Its semantic map, a picture; empty if there is none.
    std::filesystem::path segmentation = {};
};

/// Whether a data set must come with captions. An autoencoder needs pictures alone.
enum class Captions { needed, ignored };

/// The pictures of a folder and their captions, kept in one of the two ways people know.
///
/// metadata.jsonl has one JSON object a line, {"file_name": "faces/1.png", "text": "grinning
/// face"}. Names are relative to the folder, which Hugging Face calls an "imagefolder". The
/// optional key "concept" says what the caption is a variant of; without it that is the caption up
/// to its first colon; "class_label", a string or a whole number, is its class;
/// "segmentation" names its semantic map. Other keys are ignored.
///
/// Without metadata.jsonl every picture in the folder and in those inside it has its caption beside
/// it, 1.png in 1.txt, and they come in the order of their names. A picture in a folder inside has
/// the class of that folder's name, n01440764 for n01440764/1.JPEG, as in ImageNet.
///
/// With `list`, a file that has the name of a picture in each line, only those are taken, in its
/// order (ImageNet's and LSUN's file lists). It is looked for from the folder on, and its names are
/// relative to the folder.
///
/// Throws ldm::Error with the file and the line: bad JSON or UTF-8, a missing key, a name that
/// occurs twice or leaves the folder, one of `list` that metadata.jsonl lacks, pictures without
/// captions where captions are needed, no pictures at all. The pictures themselves are not read.
std::vector<PictureFile> list_pictures(const std::filesystem::path& folder, Captions captions,
                                       const std::string& list = "");

}  // namespace ldm::train
