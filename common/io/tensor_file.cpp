#include "common/io/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "common/error.h"
#include "common/io/safetensors.h"
#include "common/io/torch_file.h"
#include "common/io/utf8.h"

namespace ldm::io {
namespace {

/// Whether a page of the web begins like this. A safetensors file may begin with '<', too, in the
/// length of its header, but that number has zeros.
bool is_web_page(std::string_view head) {
    const std::size_t first = head.find_first_not_of(" \t\r\n");
    return first != head.npos && head[first] == '<' &&
           head.substr(0, sizeof(std::uint64_t)).find('\0') == head.npos;
}

/// What has to stay in memory as long as somebody reads an entry.
struct Held {
    explicit Held(const std::filesystem::path& path) : file(path) {}
    MappedFile file;
    std::vector<std::vector<std::byte>> copies;
};

}  // namespace

TensorFile::TensorFile(std::filesystem::path path, Parse parse) : path_(std::move(path)) {
    const auto held = std::make_shared<Held>(path_);
    TensorFileContents contents = parse(held->file.bytes(), path_.string());
    held->copies = std::move(contents.copies);
    mapping_ = std::shared_ptr<const MappedFile>(held, &held->file);
    format_ = contents.format;
    entries_ = std::move(contents.entries);
    metadata_ = std::move(contents.metadata);
    make_index();
}

void TensorFile::make_index() {
    index_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i)
        if (!index_.emplace(entries_[i].name, i).second)
            throw Error(fmt::format("{}: two tensors are called '{}'", path_.string(),
                                    text::printable(entries_[i].name)));
}

const TensorEntry* TensorFile::find(std::string_view name) const {
    const auto found = index_.find(std::string(name));
    return found == index_.end() ? nullptr : &entries_[found->second];
}

const TensorEntry& TensorFile::at(std::string_view name) const {
    if (const TensorEntry* found = find(name)) return *found;
    throw Error(fmt::format("{}: there is no tensor '{}'", path_.string(), text::printable(name)));
}

TensorFile TensorFile::renamed(
    const std::function<std::string(const std::string&)>& new_name) const {
    return replaced([&](TensorEntry entry) {
        entry.name = new_name(entry.name);
        return std::vector{std::move(entry)};
    });
}

TensorFile TensorFile::replaced(
    const std::function<std::vector<TensorEntry>(const TensorEntry&)>& replacements) const {
    TensorFile file = *this;
    file.entries_.clear();
    for (const TensorEntry& entry : entries_)
        std::ranges::move(replacements(entry), std::back_inserter(file.entries_));
    file.make_index();
    return file;
}

TensorFileContents parse_tensor_file(std::span<const std::byte> file, std::string_view what) {
    if (is_torch_file(file)) return parse_torch_file(file, what);
    const std::string_view head(reinterpret_cast<const char*>(file.data()),
                                std::min<std::size_t>(file.size(), 64));
    const auto refuse = [&](std::string_view reason) {
        throw Error(fmt::format("{}: {}", what, reason));
    };
    if (head.starts_with("GGUF")) refuse("a GGUF file, not safetensors: such files cannot be read");
    if (head.starts_with("version https://git-lfs"))
        refuse(
            "only a pointer to the file, as Git LFS leaves it: fetch the file with 'git lfs pull'");
    if (is_web_page(head))
        refuse("a web page, not a model: the download went to the page about the file");
    return parse_safetensors(file, what);
}

TensorFile open_tensor_file(const std::filesystem::path& path) {
    return TensorFile(path, parse_tensor_file);
}

}  // namespace ldm::io
