// What the program tells of itself: help, manual page, completion in a shell; all of it comes from
// the definitions of the options.

#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "tests/support/program.h"

namespace {

using namespace ldm;
using Catch::Matchers::StartsWith;
using test::Folder;
using test::has_text;
using test::Outcome;
using test::run;

const std::vector<std::string> commands{
    "",        "txt2img", "img2img",           "inpaint",    "upscale",         "verify",
    "inspect", "bench",   "train autoencoder", "train clip", "train diffusion", "train classifier",
    "index",   "search",  "completion",        "man"};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

/// "--prompt" and its "p", or 0, for each option of a command's help.
std::map<std::string, char> options_of(const std::string& command) {
    std::map<std::string, char> options;
    for (const std::string& line : lines_of(run(command + " --help").output)) {
        const std::size_t at = line.find("--");
        if (!line.starts_with("  ") || (at != 6 && at != 2)) continue;
        const char short_name = line[2] == '-' && line[3] != '-' ? line[3] : '\0';
        options[line.substr(at, line.find_first_of(" \n", at) - at)] = short_name;
    }
    return options;
}

/// What bash offers for the last of these words.
std::string completed(const std::string& words) {
    const Folder folder;
    test::write_bytes(folder / "script", "source <(" LDM_PROGRAM " completion bash)\ncd " +
                                             folder.path().string() + "\nCOMP_WORDS=(" + words +
                                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_ldm\n" +
                                             "echo \"${COMPREPLY[@]}\"\n");
    const std::string command = "bash " + folder / "script" + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe);
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    REQUIRE(::pclose(pipe) == 0);
    return output;
}

bool is_installed(const std::string& program) {
    return std::system(("command -v " + program + " > /dev/null").c_str()) == 0;
}

}  // namespace

TEST_CASE("every help fits a terminal of 96 columns") {
    for (const std::string& command : commands) {
        const Outcome help = run(command + " --help");
        CHECK(help.status == 0);
        for (const std::string& line : lines_of(help.output)) {
            INFO(command << ": " << line);
            CHECK(std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; }) <= 96);
        }
    }
    CHECK_THAT(run("txt2img --help").output,
               has_text("-m, --model FILE") && has_text("(1 to 256; default: 1)") &&
                   has_text("(default: the model's; 1 to 1000)") && has_text("cpu|cuda") &&
                   has_text("not with --prompt-file") && has_text("karras: many steps"));
}

TEST_CASE("a short option means one thing, and the ways to draw share their options") {
    std::map<char, std::set<std::string>> meanings;
    std::map<std::string, char> shared;
    for (const char* command : {"txt2img", "img2img", "inpaint"}) {
        const auto options = options_of(command);
        CHECK(options.size() > 30);
        for (const auto& [name, letter] : options) {
            // the picture to begin with
            if (letter && letter != 'i') meanings[letter].insert(name);
            if (shared.contains(name)) CHECK(shared[name] == letter);
            shared[name] = letter;
        }
        for (const char* name : {"--prompt", "--from", "--grid", "--config", "--sampler", "--seed"})
            CHECK(options.contains(name));
    }
    CHECK(meanings.size() >= 9);
    for (const auto& [letter, names] : meanings) {
        INFO(letter);
        CHECK(names.size() == 1);
    }
}

TEST_CASE("bash completes commands, options, values and files") {
    CHECK(completed("ldm txt") == "txt2img\n");
    CHECK(completed("ldm train di") == "diffusion\n");
    CHECK(completed("ldm img2img --init") == "--init-image\n");
    CHECK(completed("ldm txt2img --init") == "\n");
    CHECK(completed("ldm txt2img --sampler dpm2") == "dpm2 dpm2_a\n");
    // as bash takes --sampler=dpm2 apart
    CHECK(completed("ldm txt2img --sampler = dpm2") == "dpm2 dpm2_a\n");
    CHECK(completed("ldm txt2img --steps 3 --dtype ''") == "f32 f16 bf16\n");
    CHECK(completed("ldm train clip --device c") == "cpu cuda\n");
    CHECK(completed("ldm completion ''") == "bash zsh fish --help --help-all\n");
    // the script itself is the only file there
    CHECK(completed("ldm txt2img -m scr") == "script\n");
    CHECK(completed("ldm txt2img --lora-dir scr") == "\n");
    CHECK(completed("ldm verify scr") == "script\n");
    CHECK(completed("ldm verify --js") == "--json\n");
    // nothing is known of numbers and texts
    CHECK(completed("ldm txt2img --steps ''") == "\n");
    CHECK(completed("ldm txt2img --prompt verify --see") == "--seed\n");
}

TEST_CASE("the shells' scripts and the manual page have every option") {
    const std::string page = run("man").output, bash = run("completion bash").output,
                      zsh = run("completion zsh").output, fish = run("completion fish").output;
    CHECK_THAT(page, StartsWith(".TH LDM 1 "));
    for (const std::string& command : commands)
        for (const auto& [name, letter] : options_of(command)) {
            INFO(command << " " << name);
            std::string roff;
            for (const char c : name) roff += c == '-' ? std::string("\\-") : std::string(1, c);
            CHECK_THAT(page, has_text("\\fB" + roff + "\\fR"));
            CHECK_THAT(bash, has_text(name));
            CHECK_THAT(zsh, has_text("'*" + name));
            CHECK_THAT(fish, has_text(" -l " + name.substr(2) + " "));
        }
    CHECK(run("completion tcsh").status == 2);

    const Folder folder;
    for (const auto& [shell, script] :
         {std::pair("bash", bash), std::pair("zsh", zsh), std::pair("fish", fish)}) {
        test::write_bytes(folder / "script", script);
        if (is_installed(shell))
            CHECK(std::system((std::string(shell) + " -n " + folder / "script").c_str()) == 0);
    }
    test::write_bytes(folder / "ldm.1", page);
    if (is_installed("man"))
        CHECK(std::system(("test -z \"$(man --warnings --local-file " + folder / "ldm.1" +
                           " 2>&1 > /dev/null)\"")
                              .c_str()) == 0);
}
