#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "chapters/09_training/data/batch_order.h"
#include "chapters/09_training/data/batches.h"
#include "chapters/09_training/data/counter_random.h"
#include "chapters/09_training/data/data_config.h"
#include "chapters/09_training/data/picture_folder.h"
#include "chapters/09_training/data/picture_list.h"
#include "chapters/09_training/data/prefetch.h"
#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "common/image/image.h"
#include "common/image/png.h"
#include "common/image/resize.h"
#include "common/io/atomic_file.h"
#include "common/random/philox.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"
#include "tests/support/warnings.h"

using namespace ldm;
using namespace ldm::train;
using test::has_text;
using test::Warnings;
namespace fs = std::filesystem;

namespace {

/// A picture that tells which one it is and where each of its pixels is.
image::Image numbered(int number, int width, int height) {
    image::Image picture(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            picture.set(x, y,
                        {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(x),
                         static_cast<std::uint8_t>(y)});
    return picture;
}

std::string file_name(std::int64_t i) { return fmt::format("p{}.png", i); }

/// `count` pictures of width x height with captions "picture 0: ...".
void fill_folder(const test::TemporaryFolder& folder, int count, int width, int height) {
    std::string metadata;
    for (int i = 0; i < count; ++i) {
        const std::string name = file_name(i);
        image::save_png(folder / name, numbered(i, width, height));
        metadata += fmt::format("{{\"file_name\": \"{}\", \"text\": \"picture {}\"}}\n", name, i);
    }
    io::write_text_file(folder / "metadata.jsonl", metadata);
}

std::vector<std::int64_t> pictures_of(const std::vector<Draw>& draws) {
    std::vector<std::int64_t> pictures;
    for (const Draw& draw : draws) pictures.push_back(draw.picture);
    return pictures;
}

}  // namespace

// ---- which pictures, and what they show

TEST_CASE("a picture's class is what metadata.jsonl says, or the folder that it lies in") {
    test::TemporaryFolder folder;
    fs::create_directories(folder / "n01440764");
    for (const char* name : {"a.png", "n01440764/b.png"})
        image::save_png(folder / name, image::Image(4, 4));
    const PictureFolder in_folders(folder.path(), Captions::ignored, {});
    CHECK(in_folders.file(1).class_label == "n01440764");
    CHECK_THROWS_WITH(in_folders.class_names(), test::has_text("which class it is of"));

    const std::string without = in_folders.fingerprint();
    io::write_text_file(folder / "metadata.jsonl",
                        "{\"file_name\": \"a.png\", \"class_label\": 7}\n"
                        "{\"file_name\": \"n01440764/b.png\", \"class_label\": \"tench\"}\n");
    const PictureFolder listed(folder.path(), Captions::ignored, {});
    CHECK(listed.class_names() == std::vector<std::string>{"7", "tench"});
    CHECK(listed.fingerprint() != without);
}

TEST_CASE("metadata.jsonl: file names, captions and concepts in the order of the lines") {
    const test::TemporaryFolder folder;
    io::write_text_file(
        folder / "metadata.jsonl",
        "\xEF\xBB\xBF{\"file_name\": \"b.png\", \"text\": \"nurse: dark skin tone\"}\r\n"
        "\n"
        "{\"text\": \"cr\u00E8me: br\u00FBl\u00E9e\", \"file_name\": \"deep/./er/../a.png\", "
        "\"width\": 3}\n"
        "{\"file_name\": \"c.png\", \"text\": \"person: beard\", \"concept\": \"person: beard\"}");
    const auto pictures = list_pictures(folder.path(), Captions::needed);
    REQUIRE(pictures.size() == 3);
    CHECK(pictures[0].path == folder / "b.png");
    CHECK(pictures[0].caption == "nurse: dark skin tone");
    CHECK(pictures[0].concept_name == "nurse");
    CHECK(pictures[1].path == folder / "deep/a.png");
    CHECK(pictures[1].caption == "cr\u00E8me: br\u00FBl\u00E9e");
    CHECK(pictures[1].concept_name == "cr\u00E8me");
    CHECK(pictures[2].concept_name == "person: beard");
}

TEST_CASE("metadata.jsonl: what is wrong is reported with its line") {
    const test::TemporaryFolder folder;
    const std::string good = "{\"file_name\": \"a.png\", \"text\": \"a\"}\n";
    const auto message = [&](const std::string& line) {
        io::write_text_file(folder / "metadata.jsonl", good + "\n" + line + "\n");
        try {
            list_pictures(folder.path(), Captions::needed);
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find('\n') == std::string::npos);
            return std::string(error.what());
        }
        return std::string("no error");
    };
    CHECK_THAT(message("{\"file_name\": \"b.png\", \"text\": "),
               has_text("metadata.jsonl:3: not valid JSON"));
    CHECK_THAT(message("[1, 2]"), has_text("metadata.jsonl:3: expected a JSON object"));
    CHECK_THAT(message("{\"text\": \"b\"}"), has_text("metadata.jsonl:3: missing key 'file_name'"));
    CHECK_THAT(message("{\"file_name\": \"b.png\"}"),
               has_text("metadata.jsonl:3: missing key 'text'"));
    CHECK_THAT(message("{\"file_name\": \"b.png\", \"text\": 7}"),
               has_text("metadata.jsonl:3: wrong value for key 'text'"));
    CHECK_THAT(message("{\"file_name\": \"b.png\", \"text\": \"\xC3\x28\"}"),
               has_text("metadata.jsonl:3: not valid UTF-8"));
    CHECK_THAT(message("{\"file_name\": \"x/../a.png\", \"text\": \"b\"}"),
               has_text("metadata.jsonl:3: 'a.png' is listed in line 1"));
    CHECK_THAT(message("{\"file_name\": \"b.png\", \"text\": \"b\", \"text\": \"c\"}"),
               has_text("metadata.jsonl:3: duplicate key 'text'"));
    for (const std::string name : {"../b.png", "x/../../b.png", "/etc/b.png", "", ".", ".."})
        CHECK_THAT(
            message("{\"file_name\": \"" + name + "\", \"text\": \"b\"}"),
            has_text("metadata.jsonl:3: file_name '" + name + "' is no file inside of the folder"));
    io::write_text_file(folder / "metadata.jsonl", "\n \n");
    CHECK_THROWS_WITH(list_pictures(folder.path(), Captions::needed),
                      has_text("metadata.jsonl: lists no pictures"));
    CHECK_THROWS_WITH(list_pictures(folder / "nowhere", Captions::needed),
                      has_text("nowhere: no such folder"));
}

TEST_CASE("an autoencoder needs no captions, but metadata.jsonl still says which pictures") {
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "metadata.jsonl", "{\"file_name\": \"b.png\"}");
    io::write_text_file(folder / "a.png", "not looked at");
    const auto pictures = list_pictures(folder.path(), Captions::ignored);
    REQUIRE(pictures.size() == 1);
    CHECK(pictures[0].path == folder / "b.png");
    CHECK(pictures[0].caption.empty());
}

TEST_CASE("without metadata.jsonl: a .txt beside every picture, in order of the names") {
    const test::TemporaryFolder folder;
    fs::create_directories(folder / "more/.hidden");
    for (const char* name :
         {"b.PNG", "a.jpeg", "more/c.webp", "more/.hidden/d.png", "._e.png", "notes.md"})
        io::write_text_file(folder / name, "");
    io::write_text_file(folder / "a.txt", "  grinning face\r\n");
    io::write_text_file(folder / "b.txt", "");
    CHECK_THROWS_WITH(list_pictures(folder.path(), Captions::needed),
                      has_text("1 of 3 pictures have no caption, the first is c.webp"));
    CHECK(list_pictures(folder.path(), Captions::ignored).size() == 3);

    io::write_text_file(folder / "more/c.txt", "nurse: dark skin tone");
    const auto pictures = list_pictures(folder.path(), Captions::needed);
    REQUIRE(pictures.size() == 3);
    CHECK(pictures[0].path == folder / "a.jpeg");
    CHECK(pictures[0].caption == "grinning face");
    CHECK(pictures[1].path == folder / "b.PNG");
    CHECK(pictures[1].caption.empty());
    // shows something that no other does
    CHECK(pictures[1].concept_name == (folder / "b.PNG").string());
    CHECK(pictures[2].path == folder / "more/c.webp");
    CHECK(pictures[2].concept_name == "nurse");

    io::write_text_file(folder / "b.txt", "\xFF");
    CHECK_THROWS_WITH(list_pictures(folder.path(), Captions::needed),
                      has_text("b.txt: not valid UTF-8"));
    const test::TemporaryFolder empty;
    CHECK_THROWS_WITH(list_pictures(empty.path(), Captions::ignored),
                      has_text("no pictures here, and no metadata.jsonl"));
}

TEST_CASE("a list names the pictures to be taken, in its order") {
    const test::TemporaryFolder folder;
    fs::create_directories(folder / "data/n02");
    fs::create_directories(folder / "data/n01");
    for (const char* name : {"n01/a.JPEG", "n02/b.JPEG", "n02/c.JPEG", "d.png"})
        io::write_text_file(folder / ("data/" + std::string(name)), "");
    io::write_text_file(folder / "data/train.txt", "n02/c.JPEG\r\n\n  n01/./a.JPEG\n");
    // as LSUN's lie
    io::write_text_file(folder / "beside.txt", "d.png");
    const fs::path data = folder / "data";
    const auto pictures = list_pictures(data, Captions::ignored, "train.txt");
    REQUIRE(pictures.size() == 2);
    CHECK(pictures[0].path == data / "n02/c.JPEG");
    CHECK(pictures[0].class_label == "n02");
    CHECK(pictures[1].path == data / "n01/a.JPEG");
    CHECK(pictures[1].class_label == "n01");
    CHECK(list_pictures(data, Captions::ignored, "../beside.txt").size() == 1);
    const fs::path anywhere = folder / "beside.txt";
    CHECK(list_pictures(data, Captions::ignored, anywhere.string()).size() == 1);
    // a caption is asked for of those alone that are taken
    io::write_text_file(data / "d.txt", "a dog");
    CHECK(list_pictures(data, Captions::needed, "../beside.txt")[0].caption == "a dog");
    CHECK_THROWS_WITH(list_pictures(data, Captions::needed, "train.txt"),
                      has_text("2 of 2 pictures have no caption"));

    const auto refused = [&](const char* lines, const std::string& words) {
        io::write_text_file(data / "bad.txt", lines);
        CHECK_THROWS_WITH(list_pictures(data, Captions::ignored, "bad.txt"), has_text(words));
    };
    refused("d.png\n../d.png\n", "bad.txt:2: file_name '../d.png' is no file inside");
    refused("d.png\nx/../d.png\n", "bad.txt:2: 'x/../d.png' is listed in line 1 already");
    refused("\n \n", "bad.txt: lists no pictures");
    refused("\xFF\n", "bad.txt:1: not valid UTF-8");
    CHECK_THROWS_WITH(list_pictures(data, Captions::ignored, "none.txt"), has_text("none.txt"));

    // captions and classes are those of metadata.jsonl, where there is one
    io::write_text_file(data / "metadata.jsonl",
                        "{\"file_name\": \"d.png\", \"text\": \"a dog\"}\n"
                        "{\"file_name\": \"n02/c.JPEG\", \"text\": \"a cat\", "
                        "\"class_label\": \"cat\"}\n");
    io::write_text_file(data / "two.txt", "n02/c.JPEG\nd.png\n");
    const auto described = list_pictures(data, Captions::needed, "two.txt");
    REQUIRE(described.size() == 2);
    CHECK(described[0].caption == "a cat");
    CHECK(described[0].class_label == "cat");
    CHECK(described[1].caption == "a dog");
    CHECK_THROWS_WITH(list_pictures(data, Captions::needed, "train.txt"),
                      has_text("n01/a.JPEG' is not in metadata.jsonl"));
}

// ---- their pixels

TEST_CASE("PictureFolder: pictures just cover what is asked for") {
    const test::TemporaryFolder folder;
    image::save_png(folder / "a_wide.png", image::Image(200, 50, {10, 20, 30}));
    image::save_png(folder / "b_high.png", image::Image(31, 60, {10, 20, 30}));
    image::save_png(folder / "c_exact.png", numbered(7, 32, 16));
    const PictureFolder pictures(folder.path(), Captions::ignored, {.width = 32, .height = 16});
    REQUIRE(pictures.size() == 3);
    const auto size_of = [&](std::int64_t i) {
        const auto picture = pictures.load(i).picture;
        return std::pair(picture->width, picture->height);
    };
    CHECK(size_of(0) == std::pair(64, 16));
    CHECK(size_of(1) == std::pair(32, 62));
    CHECK(*pictures.load(2).picture == numbered(7, 32, 16));
    CHECK(pictures.load(0).picture->at(40, 9) == image::Color{10, 20, 30});
    CHECK_THROWS_AS(pictures.load(3), Error);
    CHECK_THROWS_AS(pictures.load(-1), Error);
}

TEST_CASE("PictureFolder: corrupt pictures are named once and left out") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 8, 40, 40);
    const auto cut = [&](const std::string& name, std::size_t length) {
        io::write_text_file(folder / name, io::read_text_file(folder / name).substr(0, length));
    };
    // not there
    fs::remove(folder / "p1.png");
    // empty
    io::write_text_file(folder / "p2.png", "");
    // something else
    io::write_text_file(folder / "p4.png", "no picture");
    // ends too early, after a good header
    cut("p5.png", fs::file_size(folder / "p5.png") / 2);
    cut("p7.png", fs::file_size(folder / "p7.png") / 2);
    Warnings warnings;
    const PictureFolder pictures(folder.path(), Captions::needed, {.width = 40, .height = 40},
                                 warnings.warn());
    // 0, 3, 5, 6, 7
    CHECK(pictures.size() == 5);
    CHECK(warnings.lines.size() == 3);
    for (int round = 0; round < 3; ++round) {
        const std::pair<std::int64_t, int> expected[] = {{0, 0}, {1, 3}, {3, 6}, {3, 6}, {0, 0}};
        for (std::int64_t i = 0; i < 5; ++i) {
            const auto loaded = pictures.load(i);
            CHECK(loaded.index == expected[i].first);
            CHECK(loaded.picture->at(0, 0).r == expected[i].second);
        }
    }
    REQUIRE(warnings.lines.size() == 5);
    for (const char* name : {"p1.png", "p2.png", "p4.png", "p5.png", "p7.png"})
        CHECK(std::ranges::count_if(warnings.lines, [&](const std::string& line) {
                  return line.find(name) != line.npos && line.starts_with("left out: ");
              }) == 1);
}

TEST_CASE("PictureFolder: without a single good picture there is one clear error") {
    const test::TemporaryFolder folder;
    Warnings warnings;
    io::write_text_file(folder / "a.png", "no picture");
    CHECK_THROWS_WITH(PictureFolder(folder.path(), Captions::ignored, {}, warnings.warn()),
                      has_text("none of 1 pictures can be read"));
    image::save_png(folder / "a.png", numbered(0, 50, 50));
    io::write_text_file(folder / "a.png", io::read_text_file(folder / "a.png").substr(0, 60));
    const PictureFolder late(folder.path(), Captions::ignored, {}, warnings.warn());
    CHECK_THROWS_WITH(late.load(0), has_text("none of 1 pictures can be read"));
    CHECK(warnings.lines.size() == 2);
}

TEST_CASE("PictureFolder: a pipe and a link that leads to itself are left out, the rest is read") {
    const test::TemporaryFolder folder;
    image::save_png(folder / "a.png", numbered(0, 50, 50));
    REQUIRE(::mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
    for (const char* name : {"loop.png", "loop", "loop.txt"})
        fs::create_symlink(name, folder / name);
    Warnings warnings;
    const PictureFolder pictures(folder.path(), Captions::ignored, {}, warnings.warn());
    CHECK(pictures.size() == 1);
    REQUIRE(warnings.lines.size() == 2);
    CHECK_THAT(warnings.lines[0], has_text("loop.png: cannot open: Too many levels"));
    CHECK_THAT(warnings.lines[1], has_text("pipe.png: not a regular file"));
}

TEST_CASE("PictureFolder: a picture that is nothing but an edge is left out") {
    const test::TemporaryFolder folder;
    image::save_png(folder / "a.png", image::Image(1, 4000));
    image::save_png(folder / "b.png", image::Image(10, 300));
    Warnings warnings;
    const PictureFolder pictures(folder.path(), Captions::ignored, {}, warnings.warn());
    CHECK(pictures.size() == 1);
    REQUIRE(warnings.lines.size() == 1);
    CHECK_THAT(warnings.lines[0], has_text("a.png: 1x4000 is too long for its width"));
}

TEST_CASE(
    "PictureFolder: what fits into memory is decoded once, the rest every time, all of it the "
    "same") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 6, 20, 20);
    const DataConfig roomy{.width = 20, .height = 20},
        narrow{.width = 20, .height = 20, .cache_gb = 2.5 * 1200e-9};
    const PictureFolder kept(folder.path(), Captions::needed, roomy),
        half(folder.path(), Captions::needed, narrow);
    for (std::int64_t i = 0; i < 6; ++i) {
        CHECK(*kept.load(i).picture == numbered(static_cast<int>(i), 20, 20));
        CHECK(*half.load(i).picture == *kept.load(i).picture);
    }
    for (std::int64_t i = 0; i < 6; ++i) fs::remove(folder / file_name(i));
    for (std::int64_t i = 0; i < 6; ++i)
        // no file is opened any more
        CHECK(kept.load(i).index == i);
    CHECK(half.load(0).index == 0);
    CHECK(half.load(1).index == 1);
    // was not kept, and is gone
    CHECK(half.load(2).index == 0);
}

TEST_CASE("PictureFolder: many threads may load at once") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 12, 16, 16);
    const PictureFolder pictures(folder.path(), Captions::needed,
                                 {.width = 16, .height = 16, .cache_gb = 5 * 768e-9});
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                for (std::int64_t k = 0; k < 100; ++k) {
                    const std::int64_t i = (k * (2 * t + 1)) % 12;
                    wrong += pictures.load(i).picture->at(3, 4) !=
                             image::Color{static_cast<std::uint8_t>(i), 3, 4};
                }
            });
    }
    CHECK(wrong == 0);
}

// ---- in which order

TEST_CASE("CounterRandom: numbers of Philox, uniform, and independent of earlier calls") {
    const CounterRandom random(0x1234567890ABCDEF, Purpose::caption);
    const std::int64_t i = 0x0000000300000007;
    const auto words = random::philox4x32({5, 7, 3, 2}, {0x90ABCDEF, 0x12345678});
    const std::uint64_t word = std::uint64_t{words[0]} << 32 | words[1];
    CHECK(random.uniform(i, 2) == std::ldexp(static_cast<double>(word >> 11), -53));
    CHECK(random.uniform(i, 2) ==
          CounterRandom(0x1234567890ABCDEF, Purpose::caption).uniform(i, 2));
    CHECK(random.uniform(i, 2) != random.uniform(i, 1));
    CHECK(random.uniform(i, 2) != random.uniform(i + 1, 2));
    CHECK(random.uniform(i, 2) != CounterRandom(0x1234567890ABCDEF, Purpose::crop).uniform(i, 2));
    CHECK(random.uniform(i, 2) !=
          CounterRandom(0x1234567890ABCDE0, Purpose::caption).uniform(i, 2));

    constexpr int count = 20000;
    double sum = 0, squares = 0;
    std::vector<int> counts(7);
    for (int k = 0; k < count; ++k) {
        const double u = random.uniform(k);
        CHECK((u >= 0 && u < 1));
        sum += u;
        squares += u * u;
        ++counts[static_cast<std::size_t>(random.below(7, k))];
    }
    CHECK(std::abs(sum / count - 0.5) < 0.01);
    CHECK(std::abs(squares / count - 1.0 / 3) < 0.01);
    // 5 standard deviations
    for (const int c : counts) CHECK(std::abs(c - count / 7) < 250);
}

TEST_CASE("shuffled: every number once, each order equally likely, another one every epoch") {
    for (const std::int64_t size : {1, 2, 8, 1000}) {
        auto order = shuffled(size, 3, 5);
        std::ranges::sort(order);
        std::vector<std::int64_t> all(static_cast<std::size_t>(size));
        std::iota(all.begin(), all.end(), 0);
        CHECK(order == all);
    }
    CHECK(shuffled(100, 3, 5) == shuffled(100, 3, 5));
    CHECK(shuffled(100, 3, 5) != shuffled(100, 3, 6));
    CHECK(shuffled(100, 4, 5) != shuffled(100, 3, 5));
    std::map<std::vector<std::int64_t>, int> orders;
    for (int epoch = 0; epoch < 6000; ++epoch) ++orders[shuffled(3, 42, epoch)];
    CHECK(orders.size() == 6);
    for (const auto& [order, times] : orders) CHECK(std::abs(times - 1000) < 150);
}

TEST_CASE("BatchOrder: an epoch shows every picture once, batches run on over its end") {
    const std::vector<std::string> concept_names(10, "all the same");
    const BatchOrder order(concept_names, {}, 4, 7);
    std::vector<std::int64_t> seen;
    for (std::int64_t step = 0; step < 10; ++step)
        for (const auto picture : pictures_of(order.at(step))) seen.push_back(picture);
    REQUIRE(seen.size() == 40);
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
        const std::vector<std::int64_t> part(seen.begin() + 10 * epoch,
                                             seen.begin() + 10 * (epoch + 1));
        CHECK(part == shuffled(10, 7, epoch));
    }
    CHECK(pictures_of(BatchOrder({"one", "two", "three"}, {}, 8, 1).at(0)).size() ==
          // more than there are
          8);
    CHECK_THROWS_AS(BatchOrder({}, {}, 4, 7), Error);
    CHECK_THROWS_AS(BatchOrder(concept_names, {}, 0, 7), Error);
    CHECK_THROWS_AS(order.at(-1), Error);
}

TEST_CASE("BatchOrder: a step depends on its number alone, not on the steps before it") {
    const std::vector<std::string> concept_names = {"a", "b", "a", "c", "a", "d", "b", "e"};
    const DataConfig config{.crop = Crop::random,
                            .flip = true,
                            .balance_concepts = true,
                            .unbalanced_fraction = 0.3,
                            .caption_dropout = 0.2};
    const BatchOrder walked(concept_names, config, 3, 11);
    std::vector<std::vector<Draw>> steps;
    for (std::int64_t step = 0; step < 50; ++step) steps.push_back(walked.at(step));
    for (const std::int64_t step : {49, 17, 0, 31, 17})
        CHECK(BatchOrder(concept_names, config, 3, 11).at(step) ==
              steps[static_cast<std::size_t>(step)]);
    const BatchOrder jumping(concept_names, config, 3, 11);
    for (const std::int64_t step : {49, 17, 0, 31, 17})
        CHECK(jumping.at(step) == steps[static_cast<std::size_t>(step)]);
    CHECK(BatchOrder(concept_names, config, 3, 12).at(0) != steps[0]);
}

TEST_CASE("BatchOrder: balanced, each concept is drawn once an epoch, and of each every picture") {
    // "people" has 30 pictures, the others one each.
    std::vector<std::string> concept_names(30, "people");
    for (int i = 0; i < 9; ++i) concept_names.push_back(fmt::format("thing {}", i));
    const BatchOrder order(concept_names, {.balance_concepts = true}, 10, 5);
    CHECK(order.concepts() == 10);
    std::vector<int> drawn(concept_names.size());
    for (std::int64_t step = 0; step < 600; ++step) {
        std::set<std::string> shown;
        for (const auto picture : pictures_of(order.at(step))) {
            shown.insert(concept_names[static_cast<std::size_t>(picture)]);
            ++drawn[static_cast<std::size_t>(picture)];
        }
        // a batch is an epoch here
        CHECK(shown.size() == 10);
    }
    // 20 each
    for (std::size_t i = 0; i < 30; ++i) CHECK((drawn[i] > 3 && drawn[i] < 50));
    for (std::size_t i = 30; i < drawn.size(); ++i) CHECK(drawn[i] == 600);
}

TEST_CASE("BatchOrder: unbalanced_fraction is drawn uniformly from all pictures") {
    std::vector<std::string> concept_names(90, "people");
    for (int i = 0; i < 10; ++i) concept_names.push_back(fmt::format("thing {}", i));
    const auto people = [&](double unbalanced_fraction) {
        const BatchOrder order(
            concept_names, {.balance_concepts = true, .unbalanced_fraction = unbalanced_fraction},
            10, 5);
        int count = 0;
        for (std::int64_t step = 0; step < 1000; ++step)
            for (const auto picture : pictures_of(order.at(step))) count += picture < 90;
        return count / 10000.0;
    };
    CHECK(people(0) == Approx(1.0 / 11).margin(1e-3));
    CHECK(people(1) == Approx(0.9).margin(0.015));
    CHECK(people(0.6) == Approx(0.4 / 11 + 0.6 * 0.9).margin(0.02));
}

TEST_CASE("BatchOrder: samples_per_concept neighbours are drawn together") {
    // "people" has 30 pictures, "pair" two, the others one each.
    std::vector<std::string> concept_names(30, "people");
    concept_names.insert(concept_names.end(), 2, "pair");
    for (int i = 0; i < 8; ++i) concept_names.push_back(fmt::format("thing {}", i));
    const BatchOrder order(concept_names, {.balance_concepts = true, .samples_per_concept = 3}, 30,
                           5);
    // a batch is an epoch of ten concepts here
    for (std::int64_t step = 0; step < 100; ++step) {
        const std::vector<std::int64_t> drawn = pictures_of(order.at(step));
        int families = 0, pairs = 0;
        for (std::size_t i = 0; i < drawn.size(); i += 3) {
            const std::set<std::int64_t> members(drawn.begin() + i, drawn.begin() + i + 3);
            families += drawn[i] < 30 && drawn[i + 1] == (drawn[i] + 1) % 30 &&
                        drawn[i + 2] == (drawn[i] + 2) % 30;
            pairs += members.contains(30) && members.contains(31);
        }
        CHECK(families >= 1);
        CHECK(pairs >= 1);
        CHECK(order.at(step) ==
              BatchOrder(concept_names, {.balance_concepts = true, .samples_per_concept = 3}, 30, 5)
                  .at(step));
    }
}

TEST_CASE("BatchOrder: captions are dropped, pictures flipped and cropped as often as configured") {
    const std::vector<std::string> concept_names(50, "x");
    const auto share = [&](const DataConfig& config, const std::function<bool(const Draw&)>& is) {
        const BatchOrder order(concept_names, config, 10, 9);
        int count = 0;
        for (std::int64_t step = 0; step < 1000; ++step)
            for (const Draw& draw : order.at(step)) count += is(draw);
        return count / 10000.0;
    };
    const auto dropped = [](const Draw& draw) { return draw.drop_caption; };
    const auto mirrored = [](const Draw& draw) { return draw.flipped; };
    const auto centred = [](const Draw& draw) { return draw.crop_x == 0.5 && draw.crop_y == 0.5; };
    CHECK(share({}, dropped) == 0);
    CHECK(share({.caption_dropout = 0.1}, dropped) == Approx(0.1).margin(0.015));
    CHECK(share({.caption_dropout = 1}, dropped) == 1);
    CHECK(share({}, mirrored) == 0);
    CHECK(share({.flip = true}, mirrored) == Approx(0.5).margin(0.025));
    CHECK(share({}, centred) == 1);
    CHECK(share({.crop = Crop::random}, centred) == 0);
    CHECK(share({.crop = Crop::random}, [](const Draw& draw) {
              return draw.crop_x < 0.25 && draw.crop_y >= 0.5;
          }) == Approx(0.125).margin(0.015));
    // Dropping captions must not depend on mirroring: the four combinations are equally frequent.
    CHECK(share({.flip = true, .caption_dropout = 0.5}, [](const Draw& d) {
              return d.flipped && d.drop_caption;
          }) == Approx(0.25).margin(0.025));
}

// ---- batches

TEST_CASE("crop_and_flip: every place that is possible, and only those") {
    const image::Image picture = numbered(0, 12, 10);
    std::set<int> lefts, tops;
    for (double share = 0; share < 1; share += 0.01) {
        const image::Image part = crop_and_flip(picture, {.crop_x = share, .crop_y = 0.999}, 10, 8);
        CHECK(part.at(0, 0) == image::Color{0, part.at(0, 0).g, 2});
        lefts.insert(part.at(0, 0).g);
        CHECK(part.at(9, 7).g == part.at(0, 0).g + 9);
        tops.insert(crop_and_flip(picture, {.crop_x = 0, .crop_y = share}, 10, 8).at(0, 0).b);
    }
    CHECK(lefts == std::set{0, 1, 2});
    CHECK(tops == std::set{0, 1, 2});
    const image::Image centre = crop_and_flip(picture, {.crop_x = 0.5, .crop_y = 0.5}, 10, 8);
    CHECK(centre.at(0, 0) == image::Color{0, 1, 1});
    const image::Image mirrored =
        crop_and_flip(picture, {.flipped = true, .crop_x = 0.5, .crop_y = 0.5}, 10, 8);
    CHECK(mirrored.at(9, 0) == centre.at(0, 0));
    CHECK(crop_and_flip(picture, {.crop_x = 0.7, .crop_y = 0.3}, 12, 10) == picture);
}

TEST_CASE("a share of a picture is cropped as it lies there, and then resized") {
    const test::TemporaryFolder folder;
    const image::Image wide = numbered(3, 90, 40);
    image::save_png(folder / "wide.png", wide);
    DataConfig config{.width = 8,
                      .height = 8,
                      .crop = Crop::random,
                      .crop_share = CropShare{.min = 0.5, .max = 0.9},
                      .filter = image::Filter::area,
                      .flip = true};
    const PictureFolder pictures(folder.path(), Captions::ignored, config);
    CHECK(*pictures.load(0).picture == wide);
    const Batches batches(pictures, config, 4, 11);
    double least = 1, most = 0, sum = 0;
    std::set<int> lefts;
    for (std::int64_t step = 0; step < 100; ++step) {
        const Batch batch = batches.at(step);
        const auto draws = batches.order().at(step);
        for (std::size_t i = 0; i < draws.size(); ++i) {
            const double share = draws[i].crop_f;
            least = std::min(least, share);
            most = std::max(most, share);
            sum += share / 400;
            // of the shorter side, 40
            const int side = static_cast<int>(40 * share);
            const int left = static_cast<int>(draws[i].crop_x * (90 - side + 1)),
                      top = static_cast<int>(draws[i].crop_y * (40 - side + 1));
            lefts.insert(left);
            const image::Image part =
                image::resize(image::crop(wide, left, top, side, side), 8, 8, image::Filter::area);
            CHECK(image::to_image(batch.pictures, static_cast<std::int64_t>(i)) ==
                  (draws[i].flipped ? image::mirror(part) : part));
        }
    }
    CHECK((least >= 0.5 && least < 0.51));
    CHECK((most > 0.89 && most < 0.9));
    CHECK(sum == Approx(0.7).margin(0.02));
    CHECK(lefts.size() > 40);

    // one share in the middle: the same every time, so that latents can be kept
    CHECK_FALSE(config.is_repeatable());
    config.flip = false;
    config.crop = Crop::center;
    CHECK_FALSE(config.is_repeatable());
    config.crop_share = CropShare{.min = 0.6, .max = 0.6};
    CHECK(config.is_repeatable());
    const Draw draw{.crop_x = 0.5, .crop_y = 0.5, .crop_f = 0.6};
    CHECK(sample_of(wide, draw, config) ==
          image::resize(image::crop(wide, 33, 8, 24, 24), 8, 8, image::Filter::area));
    // of a model's shape that is not square
    config.width = 16;
    config.crop_share = CropShare{.min = 1, .max = 1};
    CHECK(sample_of(wide, {.crop_x = 0.5, .crop_y = 0.5}, config) ==
          image::resize(image::crop(wide, 5, 0, 80, 40), 16, 8, image::Filter::area));
    // however small a share, a pixel is left
    config.crop_share = CropShare{.min = 0.001, .max = 0.001};
    CHECK(sample_of(wide, {.crop_x = 0.5, .crop_y = 0.5, .crop_f = 0.001}, config).width == 16);
}

TEST_CASE("Batches: pictures, captions and numbers belong together") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 7, 8, 8);
    const DataConfig config{.width = 8, .height = 8, .caption_dropout = 0.3};
    const PictureFolder pictures(folder.path(), Captions::needed, config);
    const Batches batches(pictures, config, 5, 3);
    int dropped = 0;
    for (std::int64_t step = 0; step < 20; ++step) {
        const Batch batch = batches.at(step);
        CHECK(batch.pictures.shape() == Shape{5, 3, 8, 8});
        REQUIRE(batch.captions.size() == 5);
        const auto draws = batches.order().at(step);
        for (std::size_t i = 0; i < 5; ++i) {
            CHECK(batch.files[i] == draws[i].picture);
            CHECK(image::to_image(batch.pictures, static_cast<std::int64_t>(i)) ==
                  numbered(static_cast<int>(batch.files[i]), 8, 8));
            CHECK(batch.captions[i] ==
                  (draws[i].drop_caption ? "" : fmt::format("picture {}", batch.files[i])));
            dropped += draws[i].drop_caption;
        }
        for (const float value : batch.pictures.values()) CHECK((value >= -1 && value <= 1));
    }
    CHECK(dropped > 10);
    CHECK(batches.at(0).pictures.data()[0] ==
          static_cast<float>(batches.at(0).files[0]) / 127.5f - 1);
}

TEST_CASE(
    "Batches: the same bits whatever is kept in memory, and in whatever order they are asked for") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 9, 14, 11);
    io::write_text_file(folder / "p4.png",
                        // broken, found late
                        io::read_text_file(folder / "p4.png").substr(0, 70));
    const DataConfig config{
        .width = 8, .height = 8, .crop = Crop::random, .flip = true, .caption_dropout = 0.5};
    DataConfig forgetful = config;
    forgetful.cache_gb = 0;
    Warnings warnings;
    const PictureFolder kept(folder.path(), Captions::needed, config, warnings.warn());
    const PictureFolder again(folder.path(), Captions::needed, forgetful, warnings.warn());
    const Batches first(kept, config, 4, 1), second(again, forgetful, 4, 1);
    for (std::int64_t k = 0; k < 15; ++k) {
        const std::int64_t step = (k * 7) % 15;
        const Batch a = first.at(k), b = second.at(k), c = second.at(step), d = first.at(step);
        CHECK(test::close(a.pictures, b.pictures, 0) == "");
        CHECK(a.captions == b.captions);
        CHECK(a.files == b.files);
        CHECK(test::close(c.pictures, d.pictures, 0) == "");
    }
    CHECK(warnings.lines.size() == 2);
}

TEST_CASE("DataConfig: settings by their names, and what is wrong with them") {
    const auto read = [](const char* text) {
        return read_data_config(io::parse_json(text, "test"), "data");
    };
    CHECK(read("{}").width == 64);
    const DataConfig config = read(
        R"({"size": [96, 64], "crop": "random", "filter": "area", "flip": true,
            "balance_concepts": true, "unbalanced_fraction": 0.6, "samples_per_concept": 4, "caption_dropout": 0.1, "cache_gb": 0.5})");
    CHECK(config.width == 96);
    CHECK(config.height == 64);
    CHECK(config.crop == Crop::random);
    CHECK(config.filter == image::Filter::area);
    CHECK(config.flip);
    CHECK(config.balance_concepts);
    CHECK(config.unbalanced_fraction == 0.6);
    CHECK(config.samples_per_concept == 4);
    CHECK(config.caption_dropout == 0.1);
    CHECK(config.cache_gb == 0.5);
    CHECK(read(R"({"size": 128})").height == 128);
    CHECK_THROWS_WITH(read(R"({"crops": 1})"), has_text("data: unknown key 'crops'"));
    CHECK_THROWS_WITH(read(R"({"crop": "left"})"),
                      has_text("data: 'crop' is 'left', expected one of center, random"));
    CHECK_THROWS_WITH(read(R"({"crop": 3})"), has_text("data: wrong value for key 'crop'"));
    CHECK_THROWS_WITH(read(R"({"filter": ""})"), has_text("data: 'filter' is ''"));
    for (const char* size : {"0", "-4", "[64]", "[64, 0]", "[1, 2, 3]", "100000"})
        CHECK_THROWS_WITH(read((std::string(R"({"size": )") + size + "}").c_str()),
                          has_text("data: 'size' is"));
    CHECK_THROWS_WITH(read(R"({"size": "64"})"), has_text("data: wrong value for key 'size'"));
    CHECK_THROWS_WITH(read(R"({"caption_dropout": 1.5})"),
                      has_text("data: 'caption_dropout' is 1.5, expected 0 to 1"));
    CHECK_THROWS_WITH(read(R"({"unbalanced_fraction": 0.5})"), has_text("'balance_concepts' only"));
    CHECK_THROWS_WITH(read(R"({"samples_per_concept": 2})"), has_text("'balance_concepts' only"));
    CHECK_FALSE(config.crop_share);
    CHECK(read(R"({"list": "train.txt"})").list == "train.txt");
    CHECK(read(R"({"min_crop_f": 0.25})").crop_share->min == 0.25);
    // upstream's defaults
    CHECK(read(R"({"min_crop_f": 0.25})").crop_share->max == 1);
    CHECK(read(R"({"max_crop_f": 0.75})").crop_share->min == 0.5);
    CHECK_THROWS_WITH(read(R"({"max_crop_f": 1.5})"),
                      has_text("data: 'max_crop_f' is 1.5, expected 0 to 1"));
    CHECK_THROWS_WITH(read(R"({"max_crop_f": 0.4})"),
                      has_text("data: 'min_crop_f' is 0.5 and 'max_crop_f' 0.4"));
    CHECK_THROWS_WITH(read(R"({"min_crop_f": 0})"), has_text("expected more than 0"));
    CHECK_THROWS_WITH(read("[]"), has_text("data: expected a JSON object"));
}

// ---- beside the training

TEST_CASE("Prefetch: items in order, prepared on another thread, not too many ahead") {
    std::atomic<std::int64_t> made = 0;
    std::atomic<bool> same_thread = false;
    const auto here = std::this_thread::get_id();
    Prefetch<std::int64_t> squares(
        [&](std::int64_t i) {
            same_thread = same_thread || std::this_thread::get_id() == here;
            ++made;
            return i * i;
        },
        5, 3);
    for (std::int64_t i = 5; i < 300; ++i) {
        CHECK(squares.next() == i * i);
        // fetched, waiting, and the one in its hands
        CHECK(made <= i - 5 + 1 + 3 + 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(made <= 295 + 4);
    CHECK_FALSE(same_thread);
}

TEST_CASE("Prefetch: the next item is made while the last one is worked on") {
    using namespace std::chrono_literals;
    Prefetch<int> items([](std::int64_t i) {
        std::this_thread::sleep_for(20ms);
        return static_cast<int>(i);
    });
    items.next();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) {
        // training
        std::this_thread::sleep_for(25ms);
        items.next();
    }
    // one after the other it would be 450
    CHECK(std::chrono::steady_clock::now() - begin < 400ms);
}

TEST_CASE("Prefetch: an error reaches the consumer in its place, and stays") {
    Prefetch<int> items(
        [](std::int64_t i) {
            if (i == 4) throw Error("picture 4 is gone");
            return static_cast<int>(i);
        },
        0, 6);
    // by now it has happened
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int i = 0; i < 4; ++i) CHECK(items.next() == i);
    CHECK_THROWS_WITH(items.next(), has_text("picture 4 is gone"));
    CHECK_THROWS_WITH(items.next(), has_text("picture 4 is gone"));
}

TEST_CASE("Prefetch: ends promptly, whatever it is doing") {
    using namespace std::chrono_literals;
    const auto begin = std::chrono::steady_clock::now();
    for (int round = 0; round < 200; ++round) {
        Prefetch<int> items([](std::int64_t i) { return static_cast<int>(i); }, 0, 2);
        if (round % 2) items.next();
        if (round % 3 == 0) std::this_thread::sleep_for(100us);
    }
    {
        Prefetch<int> failed([](std::int64_t) -> int { throw Error("at once"); });
    }
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("Prefetch: batches prepared beside are the batches themselves") {
    const test::TemporaryFolder folder;
    fill_folder(folder, 10, 20, 16);
    const DataConfig config{.width = 12, .height = 12, .crop = Crop::random, .flip = true};
    const PictureFolder pictures(folder.path(), Captions::needed, config);
    const Batches batches(pictures, config, 4, 8);
    Prefetch<Batch> prefetch([&](std::int64_t step) { return batches.at(step); }, 3);
    for (std::int64_t step = 3; step < 30; ++step) {
        const Batch ahead = prefetch.next(), direct = batches.at(step);
        CHECK(test::close(ahead.pictures, direct.pictures, 0) == "");
        CHECK(ahead.captions == direct.captions);
    }
}
