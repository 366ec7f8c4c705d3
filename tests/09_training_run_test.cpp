#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "chapters/09_training/run/checkpoints.h"
#include "chapters/09_training/run/checksum.h"
#include "chapters/09_training/run/curve.h"
#include "chapters/09_training/run/folder_lock.h"
#include "chapters/09_training/run/step_report.h"
#include "chapters/09_training/run/training_folder.h"
#include "common/error.h"
#include "common/image/image.h"
#include "common/io/atomic_file.h"
#include "common/report/interrupt.h"
#include "common/report/progress.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/warnings.h"

using namespace ldm;
using namespace ldm::train;
using test::has_text;
using test::Warnings;
namespace fs = std::filesystem;

namespace {

/// A state whose every number tells its step.
struct State {
    std::vector<float> weights, moments;
    std::vector<std::int32_t> count;

    explicit State(std::int64_t step, std::size_t size = 50)
        : weights(size), moments(size), count{static_cast<int>(step)} {
        for (std::size_t i = 0; i < size; ++i) {
            weights[i] = static_cast<float>(step) + static_cast<float>(i) / 1024;
            moments[i] = -weights[i];
        }
    }
    std::vector<io::TensorEntry> entries() const {
        const auto size = static_cast<std::int64_t>(weights.size());
        return {io::entry_of("model/w", {size}, weights),
                io::entry_of("optimizer/exp_avg.w", {size}, moments),
                io::entry_of("optimizer/step", {}, count)};
    }
};

bool is_state(const SavedState& saved, std::int64_t step, std::size_t size = 50) {
    const State expected(step, size);
    return saved.step() == step &&
           io::read_floats(saved.file().at("model/w")) == expected.weights &&
           io::read_floats(saved.file().at("optimizer/exp_avg.w")) == expected.moments &&
           io::read_integers(saved.file().at("optimizer/step"))[0] == step;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename() != ".lock") names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

CurvePoint point(std::int64_t step, double loss) {
    return {step, static_cast<double>(step) / 4, step * 32, 1e-4, loss, {loss * 2}};
}

}  // namespace

// ---- checkpoints

TEST_CASE("checksum: any changed bit, name, shape, type or text is noticed") {
    const State state(3);
    const auto entries = state.entries();
    const std::map<std::string, std::string> texts = {{"seed", "1"}, {"config", "{}"}};
    const std::uint64_t sum = checksum(entries, texts);
    CHECK(sum == checksum(entries, texts));
    auto reversed = entries;
    std::ranges::reverse(reversed);
    CHECK(sum == checksum(reversed, texts));

    std::vector<std::byte> bytes(entries[0].bytes.begin(), entries[0].bytes.end());
    auto changed = entries;
    changed[0].bytes = bytes;
    CHECK(sum == checksum(changed, texts));
    for (std::size_t i = 0; i < bytes.size(); ++i)
        for (const int bit : {0, 3, 7}) {
            const std::byte before = bytes[i];
            bytes[i] ^= static_cast<std::byte>(1 << bit);
            CHECK(sum != checksum(changed, texts));
            bytes[i] = before;
        }
    const auto with = [&](auto change) {
        auto other = entries;
        change(other);
        return checksum(other, texts);
    };
    CHECK(sum != with([](auto& e) { e[0].name = "model/v"; }));
    CHECK(sum != with([](auto& e) { e[0].shape = {25, 2}; }));
    CHECK(sum != with([](auto& e) { e[2].dtype = io::DType::f32; }));
    CHECK(sum != with([](auto& e) { e.pop_back(); }));
    CHECK(sum != with([](auto& e) { std::swap(e[0].bytes, e[1].bytes); }));
    CHECK(sum != checksum(entries, {{"seed", "2"}, {"config", "{}"}}));
    CHECK(sum != checksum(entries, {{"seed", "1"}}));
    CHECK(checksum({}, {{"a", "b"}}) != checksum({}, {{"ab", ""}}));
}

TEST_CASE("checkpoints: what was saved comes back, the last few are kept") {
    const test::TemporaryFolder folder;
    const fs::path states = folder / "deep/checkpoints";
    CHECK_FALSE(latest_state(states));
    {
        Checkpoints checkpoints(states, 2);
        CHECK_FALSE(latest_state(states));
        for (const std::int64_t step : {100, 200, 999999, 1000000}) {
            const fs::path path = checkpoints.save(step, State(step).entries(),
                                                   {{"seed", "7"}, {"config", "{\"lr\": 1}"}});
            CHECK(path == states / state_file_name(step));
            const auto saved = latest_state(states);
            REQUIRE(saved);
            CHECK(is_state(*saved, step));
            CHECK(saved->text("seed") == "7");
            CHECK(saved->text("config") == "{\"lr\": 1}");
            CHECK_THROWS_WITH(saved->text("samples"),
                              has_text("there is no 'samples' in the metadata"));
        }
    }
    CHECK(names_in(states) ==
          std::vector<std::string>{"step_1000000.safetensors", "step_999999.safetensors"});
    CHECK(state_file_name(200) == "step_000200.safetensors");
    CHECK_THROWS_AS(Checkpoints(states, 0), Error);
}

TEST_CASE("checkpoints: a damaged one is named and the one before it is used") {
    const test::TemporaryFolder folder;
    Checkpoints checkpoints(folder.path(), 5);
    for (const std::int64_t step : {10, 20, 30}) checkpoints.save(step, State(step).entries());
    const fs::path newest = folder / "step_000030.safetensors";
    const std::string whole = io::read_text_file(newest);
    const auto falls_back = [&](const std::string& file, const std::string& why) {
        io::write_text_file(newest, file);
        Warnings warnings;
        const auto saved = latest_state(folder.path(), warnings.warn());
        REQUIRE(saved);
        CHECK(is_state(*saved, 20));
        REQUIRE(warnings.lines.size() == 1);
        CHECK_THAT(warnings.lines[0], has_text("skipped: " + newest.string() + ": "));
        CHECK_THAT(warnings.lines[0], has_text(why));
    };
    for (std::size_t length = 0; length < whole.size(); length += 37)
        falls_back(whole.substr(0, length), "");
    falls_back(whole.substr(0, whole.size() - 1), "");
    falls_back(whole + "x", "unused bytes");
    // somewhere in the numbers
    for (const std::size_t from_end : {1, 100, 250, 400}) {
        std::string flipped = whole;
        flipped[flipped.size() - from_end] ^= 4;
        falls_back(flipped, "damaged: the checksum is another one");
    }
    falls_back(io::read_text_file(folder / "step_000010.safetensors"), "it is of step 10");
    io::write_safetensors(newest, State(30).entries());
    falls_back(io::read_text_file(newest), "not the state of a training");

    // The training that went on from step 20 saves its next state: the damaged one must not win
    // again.
    Warnings warnings;
    checkpoints.save(25, State(25).entries());
    const auto saved = latest_state(folder.path(), warnings.warn());
    REQUIRE(saved);
    CHECK(is_state(*saved, 25));
    CHECK(warnings.lines.empty());
    CHECK(names_in(folder.path()) == std::vector<std::string>{"step_000010.safetensors",
                                                              "step_000020.safetensors",
                                                              "step_000025.safetensors"});
}

TEST_CASE("checkpoints: when all are damaged there is none, and each was named") {
    const test::TemporaryFolder folder;
    for (const char* name : {"step_000010.safetensors", "step_000020.safetensors"})
        io::write_text_file(folder / name, "?");
    for (const char* name :
         {"step_.safetensors", "step_1x.safetensors", "step_-1.safetensors", "other.safetensors"})
        io::write_text_file(folder / name, "not ours");
    Warnings warnings;
    CHECK_FALSE(latest_state(folder.path(), warnings.warn()));
    CHECK(warnings.lines.size() == 2);
}

TEST_CASE("checkpoints: a state that cannot be written leaves the older ones alone") {
    const test::TemporaryFolder folder;
    Checkpoints checkpoints(folder.path(), 1);
    checkpoints.save(10, State(10).entries());
    {
        const test::FullDisk disk(100'000);
        CHECK_THROWS_WITH(checkpoints.save(20, State(20, 100'000).entries()),
                          has_text("step_000020.safetensors: cannot write"));
    }
    CHECK(names_in(folder.path()) == std::vector<std::string>{"step_000010.safetensors"});
    CHECK(is_state(*latest_state(folder.path()), 10));
}

TEST_CASE("checkpoints: one training at a time") {
    const test::TemporaryFolder folder;
    {
        const Checkpoints first(folder.path());
        CHECK_THROWS_WITH(Checkpoints(folder.path()), has_text("another training is writing here"));
        // looking is allowed
        CHECK_FALSE(latest_state(folder.path()));
    }
    CHECK_NOTHROW(Checkpoints(folder.path()));
    CHECK_THROWS_WITH(FolderLock(folder / "nowhere"), has_text("nowhere: cannot write"));
}

namespace {

/// A process that saves a state of `size` weights after each step and writes the step's number to
/// `report`, until it is killed.
pid_t start_saving(const fs::path& folder, std::int64_t last, std::size_t size, int report) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    // no memory of the parent's is freed here, no test framework, no threads
    try {
        Checkpoints checkpoints(folder, 2);
        for (std::int64_t step = last + 1;; ++step) {
            checkpoints.save(step, State(step, size).entries(), {{"seed", "1"}});
            if (::write(report, &step, sizeof step) != sizeof step) ::_exit(2);
        }
    } catch (...) {
        ::_exit(1);
    }
}

}  // namespace

TEST_CASE("checkpoints: killed at any moment, the last complete state is there") {
    const test::TemporaryFolder folder;
    // half a megabyte: writing it takes a while
    constexpr std::size_t size = 60'000;
    using Clock = std::chrono::steady_clock;
    std::int64_t last = 0;
    Clock::duration one_save = std::chrono::milliseconds(5);
    int killed_while_writing = 0;
    for (int round = 0; round < 60; ++round) {
        int pipe_ends[2];
        REQUIRE(::pipe(pipe_ends) == 0);
        const auto begin = Clock::now();
        const pid_t child = start_saving(folder.path(), last, size, pipe_ends[1]);
        REQUIRE(child >= 0);
        ::close(pipe_ends[1]);
        std::int64_t reported = last, step = 0;
        // after the first save, or already during it
        if (round % 2) {
            REQUIRE(::read(pipe_ends[0], &step, sizeof step) == sizeof step);
            reported = step;
            one_save = Clock::now() - begin;
        }
        std::this_thread::sleep_for(one_save * (round * 17 % 60) / 30);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        // it was still at work
        CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        while (::read(pipe_ends[0], &step, sizeof step) == sizeof step) reported = step;
        ::close(pipe_ends[0]);
        for (const std::string& name : names_in(folder.path()))
            killed_while_writing += name.find(".part") != name.npos;

        Warnings warnings;
        const auto saved = latest_state(folder.path(), warnings.warn());
        // not even a damaged one
        CHECK(warnings.lines.empty());
        if (reported > 0) REQUIRE(saved);
        if (!saved) continue;
        CHECK(saved->step() >= reported);
        CHECK(saved->step() <= reported + 1);
        CHECK(is_state(*saved, saved->step(), size));
        last = saved->step();
    }
    CHECK(last >= 30);
    // otherwise the test has shown nothing
    CHECK(killed_while_writing > 5);
    Checkpoints checkpoints(folder.path(), 2);
    for (const std::string& name : names_in(folder.path())) CHECK(name.find(".part") == name.npos);
}

// ---- the folder of a training

namespace {

const io::Json settings = {{"steps", 10}, {"batch_size", 2}, {"data", {{"size", 16}}}};

/// Saves a checkpoint of a training with those settings.
void train_into(const fs::path& folder, std::int64_t step, const io::Json& config = settings) {
    const bool resume = step > 10;
    TrainingFolder(folder, config, "pictures", {.resume = resume})
        .save(step, {{"w", Tensor::scalar(static_cast<float>(step))}}, "test", 7.5);
}

}  // namespace

TEST_CASE("training folder: new, then resumed with its state and its seconds") {
    const test::TemporaryFolder folder;
    {
        TrainingFolder fresh(folder / "out", settings, "pictures", {.resume = true});
        CHECK(fresh.first_step() == 0);
        CHECK(fresh.first_seconds() == 0.0);
        CHECK(fresh.last_good() == "there is no checkpoint yet");
        Weights state = {{"w", Tensor::scalar(3.0f)}};
        fresh.restore(state);
        CHECK(state.at("w").item() == 3.0f);
    }
    train_into(folder / "out", 10);
    const TrainingFolder resumed(folder / "out", settings, "pictures", {.resume = true});
    CHECK(resumed.first_step() == 10);
    CHECK(resumed.first_seconds() == 7.5);
    CHECK_THAT(resumed.last_good(), has_text("step_000010.safetensors"));
    Weights state = {{"w", Tensor::scalar(0.0f)}};
    resumed.restore(state);
    CHECK(state.at("w").item() == 10.0f);
}

TEST_CASE("training folder: what does not go together is refused, and says why") {
    const test::TemporaryFolder folder;
    const fs::path out = folder / "out";
    train_into(out, 10);
    const auto open = [&](const io::Json& config, const std::string& data, bool resume) {
        const TrainingFolder opened(out, config, data, {.resume = resume});
    };
    CHECK_THROWS_WITH(open(settings, "pictures", false), has_text("holds a training already"));
    CHECK_THROWS_WITH(open(settings, "other", true), has_text("other pictures or captions"));
    io::Json other = settings;
    other["data"]["size"] = 32;
    CHECK_THROWS_WITH(open(other, "pictures", true), has_text("another 'data/size'"));
    other = settings;
    for (const char* key : {"steps", "checkpoint_every", "sample_every", "keep_checkpoints"})
        other[key] = 5;
    other["sampler"] = {{"steps", 5}};
    CHECK_NOTHROW(open(other, "pictures", true));

    const TrainingFolder running(out, settings, "pictures", {.resume = true});
    CHECK_THROWS_WITH(open(settings, "pictures", true),
                      has_text("another training is writing here"));
}

TEST_CASE("training folder: with every checkpoint damaged nothing is resumed, nor overwritten") {
    const test::TemporaryFolder folder;
    const fs::path out = folder / "out";
    train_into(out, 10);
    train_into(out, 20);
    for (const char* name : {"step_000010.safetensors", "step_000020.safetensors"})
        io::write_text_file(out / "checkpoints" / name, "damaged");
    CHECK_THROWS_WITH(TrainingFolder(out, settings, "pictures", {.resume = true}),
                      has_text("none of the 2 checkpoints can be read"));
    CHECK_THROWS_WITH(TrainingFolder(out, settings, "pictures", {.resume = false}),
                      has_text("holds a training already"));
    CHECK(names_in(out / "checkpoints").size() == 2);
}

TEST_CASE("training folder: what a killed program was writing is removed, and nothing else") {
    const test::TemporaryFolder folder;
    for (const char* sub : {"samples", "model", "checkpoints"})
        fs::create_directories(folder / sub);
    const std::vector<std::string> leftovers = {"curve.png.part123",
                                                "curve.csv.part1",
                                                "merges.txt.part99",
                                                "samples/000500.png.part7",
                                                "model/config.json.part8",
                                                "model/model.safetensors.part8",
                                                "checkpoints/step_000020.safetensors.part8"};
    const std::vector<std::string> others = {"curve.png", "notes.part1", "a.png.party",
                                             "b.png.part", "samples/000500.png"};
    for (const auto& names : {leftovers, others})
        for (const std::string& name : names) io::write_text_file(folder / name, "x");
    const TrainingFolder opened(folder.path(), settings, "pictures", {});
    for (const std::string& name : leftovers) {
        INFO(name);
        CHECK_FALSE(fs::exists(folder / name));
    }
    for (const std::string& name : others) {
        INFO(name);
        CHECK(fs::exists(folder / name));
    }
}

// ---- the curve

TEST_CASE("curve: a row for every step, there as soon as it is added") {
    const test::TemporaryFolder folder;
    Curve curve(folder / "curve.csv", {"rec_loss"});
    CHECK(io::read_text_file(folder / "curve.csv") == "step,seconds,samples,lr,loss,rec_loss\n");
    curve.add({1, 0.5, 32, 1e-4, 0.1f, {2.5}});
    CHECK(io::read_text_file(folder / "curve.csv") ==
          "step,seconds,samples,lr,loss,rec_loss\n1,0.500,32,0.0001,0.10000000149011612,2.5\n");
    curve.add({3, 1.25, 64, 2e-4, 7, {1e-30}});
    CHECK(curve.points().size() == 2);
    CHECK(curve.column("step") == std::vector<double>{1, 3});
    CHECK(curve.column("seconds") == std::vector<double>{0.5, 1.25});
    CHECK(curve.column("samples") == std::vector<double>{32, 64});
    CHECK(curve.column("lr") == std::vector<double>{1e-4, 2e-4});
    CHECK(curve.column("loss") == std::vector<double>{0.1f, 7});
    CHECK(curve.column("rec_loss") == std::vector<double>{2.5, 1e-30});
    CHECK_THROWS_WITH(curve.column("kl"), has_text("there is no column 'kl'"));
    CHECK_THROWS_AS(curve.add({3, 2, 96, 1e-4, 1, {1}}), Error);
    CHECK_THROWS_AS(curve.add({4, 2, 96, 1e-4, 1, {}}), Error);
    CHECK_THROWS_WITH(Curve(folder / "no/curve.csv"), has_text("curve.csv: cannot write"));
}

TEST_CASE("curve: a training that goes on from a checkpoint has no step twice") {
    const test::TemporaryFolder folder;
    const fs::path path = folder / "curve.csv";
    std::vector<CurvePoint> all;
    {
        Curve curve(path, {"extra"});
        for (int step = 1; step <= 30; ++step) {
            all.push_back(point(step, 1.0 / (step + 0.1)));
            curve.add(all.back());
        }
    }
    const std::string whole = io::read_text_file(path);
    {
        Curve resumed(path, {"extra"}, 20);
        REQUIRE(resumed.points().size() == 20);
        CHECK(whole.starts_with(io::read_text_file(path)));
        for (int step = 21; step <= 30; ++step)
            resumed.add(all[static_cast<std::size_t>(step - 1)]);
        CHECK(resumed.column("loss").back() == all.back().loss);
    }
    // to the last character
    CHECK(io::read_text_file(path) == whole);
    {
        const Curve beyond(path, {"extra"}, 50);
        CHECK(beyond.points().size() == 30);
    }
    CHECK(io::read_text_file(path) == whole);
    CHECK_THROWS_WITH(Curve(path, {"other"}, 20),
                      has_text("the first line is 'step,seconds,samples,lr,loss,extra'"));
    CHECK_THROWS_WITH(Curve(path, {}, 20), has_text("expected step,seconds,samples,lr,loss"));
    CHECK(io::read_text_file(path) == whole);
    const Curve anew(path, {"extra"});
    CHECK(anew.points().empty());
    // the checkpoint came without its curve
    const Curve missing(folder / "new.csv", {}, 20);
    CHECK(missing.points().empty());
}

TEST_CASE("curve: what a killed program left of a row is cut off, damage is reported") {
    const test::TemporaryFolder folder;
    const fs::path path = folder / "curve.csv";
    const std::string good =
        "step,seconds,samples,lr,loss\n1,0.100,8,0.1,0.5\n2,0.200,16,0.1,nan\n";
    const auto rows_of = [&](const std::string& rest, std::size_t warnings_expected) {
        io::write_text_file(path, good + rest);
        Warnings warnings;
        const std::size_t rows = Curve(path, {}, 100, warnings.warn()).points().size();
        CHECK(io::read_text_file(path).starts_with(good));
        CHECK(warnings.lines.size() == warnings_expected);
        if (!warnings.lines.empty())
            CHECK_THAT(warnings.lines[0], has_text("curve.csv:4: not a row"));
        return rows;
    };
    CHECK(rows_of("", 0) == 2);
    CHECK(rows_of("3,0.3", 0) == 2);
    // perhaps 0.2578: without its end nobody knows
    CHECK(rows_of("3,0.300,24,0.1,0.25", 0) == 2);
    CHECK(rows_of("3,0.300,24,0.1,0.25\n", 0) == 3);
    CHECK(rows_of("3,0.300,24,0.1\n4,0.4,32,0.1,1\n", 1) == 2);
    CHECK(rows_of("2,0.300,24,0.1,0.25\n", 1) == 2);
    CHECK(rows_of("3,0.300,24,0.1,0.25,7\n", 1) == 2);
    CHECK(rows_of("3,0.300,24,0.1,zero\n", 1) == 2);
    CHECK(rows_of("3,0.300,24,0.1,0.5x\n", 1) == 2);
    CHECK(rows_of(std::string(5, '\0') + "\n", 1) == 2);
}

TEST_CASE(
    "curve: one that lost everything begins again, and does not keep a training from going on") {
    const test::TemporaryFolder folder;
    const fs::path path = folder / "curve.csv";
    for (const char* left : {"", "step,sec", "step,seconds,samples,lr,loss"}) {
        io::write_text_file(path, left);
        Warnings warnings;
        Curve curve(path, {}, 20, warnings.warn());
        CHECK(curve.points().empty());
        REQUIRE(warnings.lines.size() == 1);
        CHECK_THAT(warnings.lines[0], has_text("curve.csv: empty"));
        CHECK_NOTHROW(curve.add({21, 0.5, 32, 1e-4, 0.1, {}}));
    }
}

TEST_CASE("running mean: of as many as there are, without what is not finite") {
    CHECK(running_mean({2, 4, 6, 8}, 2) == std::vector<float>{2, 3, 5, 7});
    CHECK(running_mean({2, 4, 6, 8}, 1) == std::vector<float>{2, 4, 6, 8});
    CHECK(running_mean({2, 4, 6, 8}, 100) == std::vector<float>{2, 3, 4, 5});
    CHECK(running_mean({}, 3).empty());
    const auto means = running_mean({NAN, 3, INFINITY, 5, 7}, 2);
    CHECK(std::isnan(means[0]));
    CHECK(means[1] == 3);
    CHECK(means[2] == 3);
    CHECK(means[3] == 5);
    CHECK(means[4] == 6);
    CHECK_THROWS_AS(running_mean({1}, 0), Error);
}

TEST_CASE(
    "curve: its picture has light dots and a dark line that is lower where the loss is lower") {
    const test::TemporaryFolder folder;
    Curve curve(folder / "curve.csv", {"extra"});
    for (int step = 1; step <= 400; ++step)
        curve.add(point(step, std::exp(-step / 100.0) * (step % 2 ? 1.5 : 0.5)));
    for (const bool log_y : {true, false}) {
        const image::Image picture =
            draw_curve(curve, {.title = "autoencoder", .log_y = log_y, .window = 20}).pixels();
        // the height of the dark line at the left and at the right
        const auto height = [&](int from, int to) {
            double sum = 0;
            int count = 0;
            for (int x = from; x < to; ++x)
                for (int y = 90; y < picture.height; ++y)
                    if (picture.at(x, y) == image::Color{0, 82, 147}) {
                        sum += y;
                        ++count;
                    }
            CHECK(count > 10);
            return sum / count;
        };
        CHECK(height(150, 250) + 50 < height(700, 850));
        int dots = 0;
        for (int y = 0; y < picture.height; ++y)
            for (int x = 0; x < picture.width; ++x)
                dots += picture.at(x, y) == image::Color{168, 201, 231};
        CHECK(dots > 400);
    }
    CHECK(draw_curve(curve, {.column = "extra", .log_y = false}).pixels() !=
          draw_curve(curve, {.column = "loss", .log_y = false}).pixels());
    CHECK_THROWS_AS(draw_curve(curve, {.column = "nothing"}), Error);
    const Curve empty(folder / "empty.csv");
    CHECK_NOTHROW(draw_curve(empty));
}

// ---- the line and the limits

TEST_CASE("step line: how far, how well, how fast, how much longer") {
    const auto bar = [](int full) { return report::progress_bar((full + 0.5) / 30); };
    CHECK(step_line("autoencoder", {.done = 200,
                                    .samples = 6400,
                                    .seconds = 50,
                                    .loss = 0.12345,
                                    .limits = {.max_steps = 1000}}) ==
          "autoencoder " + bar(6) + " 200/1000, loss 0.1235, 128 samples/s, 3:20 min left");
    // after a break: 100 of these steps took 50 s
    CHECK(step_line("clip", {.first = 400,
                             .done = 500,
                             .samples = 1000,
                             .seconds = 50,
                             .loss = 2,
                             .limits = {.max_steps = 1000}}) ==
          "clip " + bar(15) + " 500/1000, loss 2, 20 samples/s, 4:10 min left");
    CHECK(
        step_line(
            "unet",
            {.done = 30, .samples = 60, .seconds = 90, .loss = 1, .limits = {.max_minutes = 6}}) ==
        "unet " + bar(7) + " 30 steps, loss 1, 0.667 samples/s, 4:30 min left");
    // what comes first counts
    CHECK(step_line("unet", {.done = 10,
                             .samples = 10,
                             .seconds = 60,
                             .loss = 1,
                             .limits = {.max_steps = 1000, .max_minutes = 2}}) ==
          "unet " + bar(15) + " 10/1000, loss 1, 0.167 samples/s, 1:00 min left");
    CHECK(step_line("unet", {.done = 10,
                             .samples = 10,
                             .seconds = 60,
                             .loss = 1,
                             .limits = {.max_steps = 20, .max_minutes = 20}}) ==
          "unet " + bar(15) + " 10/20, loss 1, 0.167 samples/s, 1:00 min left");
    CHECK(step_line("unet", {.done = 10, .samples = 10, .seconds = 1, .loss = 1}) ==
          "unet " + bar(0) + " 10 steps, loss 1, 10 samples/s");
    CHECK(step_line("unet", {.loss = NAN, .limits = {.max_steps = 0}}) ==
          "unet " + bar(0) + " 0/0, loss nan");
    // a line that a narrow terminal wraps could not be written over
    for (int columns = 1; columns < 100; ++columns)
        CHECK(step_line("unet", {.done = 10, .samples = 10, .seconds = 1, .loss = 1}, columns)
                  .size() < static_cast<std::size_t>(columns));
}

TEST_CASE("StepReport: steps, minutes and Ctrl-C end a training") {
    const report::InterruptGuard guard;
    StepReport by_steps("test", 5, {.max_steps = 8});
    int done = 0;
    for (; by_steps.stop() == Stop::not_yet; ++done) by_steps.step(1.0, 4);
    CHECK(done == 3);
    CHECK(by_steps.steps() == 8);
    CHECK(by_steps.stop() == Stop::steps);
    CHECK(StepReport("finished", 8, {.max_steps = 8}).stop() == Stop::steps);

    StepReport by_clock("test", 0, {.max_minutes = 0.1 / 60});
    CHECK(by_clock.stop() == Stop::not_yet);
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    CHECK(by_clock.stop() == Stop::minutes);
    CHECK(by_clock.seconds() >= 0.12);

    StepReport endless("test", 0, {});
    endless.step(1.0, 1);
    CHECK(endless.stop() == Stop::not_yet);
    std::raise(SIGINT);
    // the step is finished, and the training saves a checkpoint
    CHECK_NOTHROW(endless.step(1.0, 1));
    CHECK(endless.stop() == Stop::interrupted);
    CHECK(by_steps.stop() == Stop::interrupted);
}
