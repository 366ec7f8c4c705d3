// docs/upstream.md and docs/systems.md say where everything is, and what checks it. Both are walked
// here entry by entry: a file that is gone, a name that is no longer in its file, a command, a
// component or a test that there is not is an error.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <vector>

#include "chapters/ldm/components.h"
#include "tests/support/program.h"

namespace {

namespace fs = std::filesystem;
using namespace ldm;
using test::has_text;

const fs::path root = LDM_SOURCE_DIR;

using Problems = std::vector<std::string>;

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Where a link of a page in docs/ leads, without what is behind a #.
fs::path target(const std::string& link) {
    return (root / "docs" / link.substr(0, link.find('#'))).lexically_normal();
}

/// Names in code font, and the file of the link behind them; no file behind the last ones.
struct Claim {
    std::vector<std::string> names;
    fs::path file;
};

std::vector<Claim> claims_of(const std::string& cell) {
    static const std::regex name_or_link("`([^`]+)`|\\]\\(([^)]+)\\)");
    std::vector<Claim> claims(1);
    for (std::sregex_iterator found(cell.begin(), cell.end(), name_or_link), end; found != end;
         ++found) {
        if ((*found)[1].matched) {
            claims.back().names.push_back((*found)[1]);
        } else {
            claims.back().file = target((*found)[2]);
            claims.emplace_back();
        }
    }
    if (claims.back().names.empty()) claims.pop_back();
    return claims;
}

std::vector<std::string> cells_of(const std::string& row) {
    std::vector<std::string> cells;
    for (std::size_t begin = 1; begin < row.size();) {
        const std::size_t end = std::min(row.find('|', begin), row.size());
        std::string cell = row.substr(begin, end - begin);
        cell.erase(0, cell.find_first_not_of(' '));
        cell.erase(cell.find_last_not_of(' ') + 1);
        cells.push_back(cell);
        begin = end + 1;
    }
    return cells;
}

/// The rows of all tables of a page, without the heads.
std::vector<std::vector<std::string>> rows_of(const std::string& page) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(page);
    bool is_inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("|"))
            is_inside = false;
        else if (line.starts_with("|---"))
            is_inside = true;
        else if (is_inside)
            rows.push_back(cells_of(line));
    }
    return rows;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// Whether the word is there, not as a part of a longer one.
bool has_word(const std::string& text, const std::string& word) {
    for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end])))
            return true;
    }
    return false;
}

/// "ldm txt2img --class": whether there is that command, with that option.
void check_command(const std::string& said, Problems& problems) {
    static std::map<std::string, std::string> helps;
    std::istringstream words(said);
    std::string command, word;
    std::vector<std::string> options;
    words >> word;
    while (words >> word) {
        if (word.starts_with("--"))
            options.push_back(word);
        else
            command += (command.empty() ? "" : " ") + word;
    }
    if (!helps.contains(command)) {
        const test::Outcome help = test::run(command + " --help");
        // of a command that there is not, help is the program's
        const bool is_there = help.output.find("Usage: ldm " + command + " ") != std::string::npos;
        helps[command] = is_there ? help.output : "";
    }
    const std::string& help = helps[command];
    if (help.empty()) problems.push_back("no command: " + said);
    for (const std::string& option : options)
        if (!has_word(help, option)) problems.push_back("no such option: " + said);
}

/// What stands for something of upstream: commands, and names of a file.
void check_here(const std::string& cell, Problems& problems) {
    if (cell == "—") return;
    if (cell.find('`') == cell.npos && cell.find("](") == cell.npos)
        problems.push_back("says nothing: " + cell);
    for (const Claim& claim : claims_of(cell)) {
        const std::string text = claim.file.empty() ? "" : text_of(claim.file);
        for (const std::string& name : claim.names) {
            if (name.starts_with("ldm ")) {
                check_command(name, problems);
                continue;
            }
            if (claim.file.empty()) problems.push_back("no file behind " + name);
            // of Descent::cosine both
            std::string rest = name;
            for (std::size_t at = 0; at != rest.npos;) {
                at = rest.find("::");
                if (!has_word(text, rest.substr(0, at)))
                    problems.push_back(name + " is not in " + claim.file.string());
                if (at != rest.npos) rest.erase(0, at + 2);
            }
        }
    }
}

/// What ldm verify runs on stored cases.
void check_cases(const std::string& cell, Problems& problems) {
    if (cell == "—") return;
    static const verify::Registry known = program::known_components();
    static const std::vector<std::string> files = [] {
        std::vector<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator(root / "reference_data"))
            names.push_back(entry.path().filename().string());
        return names;
    }();
    const std::vector<Claim> claims = claims_of(cell);
    if (claims.size() != 1 || !claims[0].file.empty())
        problems.push_back("no list of components: " + cell);
    for (const Claim& claim : claims)
        for (const std::string& name : claim.names) {
            if (!known.contains(name)) problems.push_back("no component: " + name);
            if (std::ranges::none_of(files, [&](const std::string& file) {
                    return file.starts_with(name + ".") && file.ends_with(".safetensors");
                }))
                problems.push_back("no case of " + name);
        }
}

void check_tests(const std::string& cell, Problems& problems) {
    const std::vector<Claim> claims = claims_of(cell);
    if (claims.empty()) problems.push_back("no test");
    for (const Claim& claim : claims) {
        const std::string text = claim.file.empty() ? "" : text_of(claim.file);
        for (const std::string& name : claim.names) {
            // the formatter may have put the name on a line of its own
            const std::size_t at = text.find("\"" + name + "\"");
            const std::size_t before = at == text.npos ? at : text.find_last_not_of(" \n", at - 1);
            if (before == text.npos || !text.substr(0, before + 1).ends_with("TEST_CASE("))
                problems.push_back("no test \"" + name + "\" in " + claim.file.string());
        }
    }
}

void check_links(const std::string& page, Problems& problems) {
    static const std::regex link("\\]\\(([^)]+)\\)");
    for (std::sregex_iterator found(page.begin(), page.end(), link), end; found != end; ++found)
        if (!fs::exists(target((*found)[1]))) problems.push_back("no file: " + (*found)[1].str());
}

Problems problems_of_upstream(const std::string& page) {
    Problems problems;
    check_links(page, problems);
    for (const auto& cells : rows_of(page)) {
        if (cells.size() == 3)
            check_here(cells[1], problems);
        else
            problems.push_back("a row of other cells than three: " + cells[0]);
    }
    return problems;
}

Problems problems_of_systems(const std::string& page) {
    Problems problems;
    check_links(page, problems);
    std::vector<std::string> ids, expected;
    for (const auto& cells : rows_of(page)) {
        ids.push_back(cells[0]);
        if (cells.size() != 7) {
            problems.push_back("a row of other cells than seven: " + cells[0]);
            continue;
        }
        if (cells[3] != "✓" && cells[3] != "part") problems.push_back("no mark: " + cells[0]);
        check_here(cells[4], problems);
        check_cases(cells[5], problems);
        check_tests(cells[6], problems);
    }
    const std::vector<std::pair<char, int>> rows = {{'A', 9}, {'B', 10}, {'C', 13}, {'D', 6},
                                                    {'E', 7}, {'F', 6},  {'G', 7},  {'H', 7}};
    for (const auto& [letter, count] : rows)
        for (int i = 1; i <= count; ++i) expected.push_back(letter + std::to_string(i));
    if (ids != expected) problems.push_back("the rows are not A1, A2, … H7");
    return problems;
}

void check_none(const Problems& problems) {
    for (const std::string& problem : problems) FAIL_CHECK(problem);
}

/// A page with one thing replaced, which must be there.
std::string with(std::string page, const std::string& said, const std::string& instead) {
    const std::size_t at = page.find(said);
    INFO(said);
    REQUIRE(at != page.npos);
    return page.replace(at, said.size(), instead);
}

}  // namespace

TEST_CASE("every entry of the page of upstream's files is there") {
    const std::string page = text_of(root / "docs/upstream.md");
    check_none(problems_of_upstream(page));
    for (const char* file : {"main.py",           "ldm/lr_scheduler.py",
                             "ldm/util.py",       "base.py",
                             "imagenet.py",       "lsun.py",
                             "autoencoder.py",    "ddpm.py",
                             "ddim.py",           "plms.py",
                             "classifier.py",     "dpm_solver.py",
                             "attention.py",      "ema.py",
                             "x_transformer.py",  "model.py",
                             "openaimodel.py",    "diffusionmodules/util.py",
                             "distributions.py",  "encoders/modules.py",
                             "bsrgan.py",         "bsrgan_light.py",
                             "utils_image.py",    "contperceptual.py",
                             "vqperceptual.py",   "lpips.py",
                             "quantize.py",       "txt2img.py",
                             "img2img.py",        "inpaint.py",
                             "knn2img.py",        "sample_diffusion.py",
                             "train_searcher.py", "download_models.sh",
                             "config.yaml",       "configs/latent-diffusion"})
        CHECK_THAT(page, has_text(file));
}

TEST_CASE("every entry of the page of systems is there, and every system") {
    check_none(problems_of_systems(text_of(root / "docs/systems.md")));
}

TEST_CASE("a dead entry of the two pages is noticed") {
    const std::string upstream = text_of(root / "docs/upstream.md");
    const auto told = [](const Problems& problems) {
        return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
    };
    CHECK_THAT(told(problems_of_upstream(with(upstream, "`Cycles` with", "`Cycle` with `Circle`"))),
               has_text("Circle is not in"));
    CHECK_THAT(told(problems_of_upstream(with(upstream, "[systems.md](systems.md)", "[s](s.md)"))),
               has_text("no file: s.md"));
    CHECK_THAT(told(problems_of_upstream(with(upstream, "`ldm img2img`", "`ldm img3img`"))),
               has_text("no command: ldm img3img"));
    CHECK_THAT(told(problems_of_upstream(
                   with(upstream, "`ldm txt2img --class`", "`ldm txt2img --classes`"))),
               has_text("no such option: ldm txt2img --classes"));
    CHECK_THAT(told(problems_of_upstream(with(upstream, "| `ldm upscale` |", "| upscale |"))),
               has_text("says nothing: upscale"));

    const std::string systems = text_of(root / "docs/systems.md");
    CHECK_THAT(told(problems_of_systems(with(systems, "| A8 |", "| A7 |"))),
               has_text("the rows are not"));
    CHECK_THAT(told(problems_of_systems(with(systems, "| ✓ |", "| perhaps |"))),
               has_text("no mark: A1"));
    CHECK_THAT(told(problems_of_systems(
                   with(systems, "`an average of weights", "`the average of weights"))),
               has_text("no test \"the average of weights"));
    // registered, but without a stored case
    CHECK_THAT(told(problems_of_systems(with(systems, "`LitEma` |", "`Decoders` |"))),
               has_text("2 problems"));
    CHECK_THAT(told(problems_of_systems(with(systems, "`LitEma` |", "`TransformerEmbedder` |"))),
               has_text("no case of TransformerEmbedder"));
}
