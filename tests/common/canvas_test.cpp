#include "common/figures/canvas.h"

#include <cmath>
#include <thread>

#include "common/error.h"
#include "common/figures/figure.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/pixels.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::figures;
using image::Image;
using test::box_of;
using test::count;

namespace {

constexpr Color red{255, 0, 0};

/// Every tag of `xml` is closed by its own name, in the right order, and there is one root.
bool is_well_formed(std::string_view xml) {
    std::vector<std::string_view> open;
    int roots = 0;
    for (std::size_t at = xml.find('<'); at != xml.npos; at = xml.find('<', at + 1)) {
        const std::size_t end = xml.find('>', at);
        if (end == xml.npos) return false;
        const std::string_view tag = xml.substr(at + 1, end - at - 1);
        if (tag.starts_with('?')) continue;
        const std::string_view name = tag.substr(0, tag.find_first_of(" \n/", 1));
        if (tag.starts_with('/')) {
            if (open.empty() || open.back() != tag.substr(1)) return false;
            open.pop_back();
            continue;
        }
        roots += open.empty();
        if (!tag.ends_with('/')) open.push_back(name);
    }
    return open.empty() && roots == 1;
}

}  // namespace

TEST_CASE("canvas: what is drawn is where it should be, and what lies outside is cut off") {
    Canvas canvas(10, 8);
    canvas.fill({-5, -5, 8, 8}, red);
    CHECK(count(canvas.pixels(), red) == 9);
    canvas.fill({8, 6, 100, 100}, red);
    CHECK(count(canvas.pixels(), red) == 9 + 4);
    canvas.picture(Image(3, 3, image::black), {8, -2, 6, 6});
    canvas.text({-300, 3}, "outside everything");
    CHECK(canvas.pixels().width == 10);
    CHECK(canvas.pixels().height == 8);
    CHECK(count(canvas.pixels(), image::black) == 2 * 4);

    Canvas framed(20, 20);
    framed.frame({5, 6, 10, 8}, red, 2);
    CHECK(count(framed.pixels(), red) == 10 * 8 - 6 * 4);
    CHECK_THROWS_AS(Canvas(0, 5), Error);
    CHECK_THROWS_AS(Canvas(5, 1e6), Error);
}

TEST_CASE("canvas: the pixels of a picture become sharp blocks") {
    Image picture(2, 1, image::black);
    picture.set(1, 0, red);
    Canvas canvas(9, 5);
    canvas.picture(picture, {1, 1, 6, 3});
    CHECK(count(canvas.pixels(), red) == 9);
    CHECK(count(canvas.pixels(), image::black) == 9);
    CHECK(canvas.pixels().at(4, 1) == red);
    CHECK(canvas.pixels().at(3, 3) == image::black);
    CHECK_THROWS_AS(canvas.picture(Image(), {0, 0, 5, 5}), Error);
}

TEST_CASE("canvas: a line is as thick as asked for, and has a gap where a point is nowhere") {
    Canvas canvas(30, 20);
    canvas.line({{5, 10}, {25, 10}}, red, 4);
    for (int y = 0; y < 20; ++y) {
        const bool inside = y >= 8 && y < 12;
        CHECK((canvas.pixels().at(15, y) == red) == inside);
    }
    Canvas broken(60, 20);
    broken.line({{5, 10}, {20, 10}, {30, NAN}, {40, 10}, {55, 10}}, red, 4);
    CHECK(broken.pixels().at(15, 10) == red);
    CHECK(broken.pixels().at(30, 10) == image::white);
    CHECK(broken.pixels().at(45, 10) == red);
}

TEST_CASE("canvas: dots stand apart, and a point that is nowhere is left out") {
    Canvas canvas(30, 20);
    canvas.dots({{5, 10}, {NAN, 3}, {25, 10}}, red, 6);
    CHECK(canvas.pixels().at(5, 10) == red);
    CHECK(canvas.pixels().at(25, 10) == red);
    // two dots of at most 8 x 8 pixels
    CHECK(count(canvas.pixels(), image::white) > 30 * 20 - 2 * 64);
    canvas.dots({}, red);
}

TEST_CASE("canvas: a canvas stands inside of another one, and is cut off at its own edges") {
    Canvas inner(10, 10);
    inner.line({{-50, 5}, {50, 5}}, red, 2);
    Canvas outer(40, 30);
    outer.fill({0, 0, 40, 30}, image::black);
    outer.draw(inner, {20, 10});
    const Image picture = outer.pixels();
    CHECK(count(picture, red) == 10 * 2);
    CHECK(picture.at(20, 14) == red);
    CHECK(picture.at(29, 15) == red);
    // it has no paper of its own
    CHECK(count(picture, image::black) == 40 * 30 - 20);
}

TEST_CASE("text stands where its alignment says, inside of the room it says it takes") {
    for (const std::string text : {"cat", "Ågrinning – ᾱₜ", "x₀ = √β"}) {
        for (const double size : {title_size, text_size, small_size}) {
            const double width = text_width(text, size);
            CHECK(width > size);
            for (const Align align : {Align::left, Align::centre, Align::right}) {
                Canvas canvas(300, 60);
                canvas.text({150, 30}, text, {.align = align, .size = size});
                const auto box = box_of(canvas.pixels());
                const double left = 150 - (align == Align::left     ? 0
                                           : align == Align::centre ? width / 2
                                                                    : width);
                CHECK(box.left >= left - 1);
                CHECK(box.right <= left + width + 1);
                CHECK(box.right - box.left > 0.7 * width);
                CHECK(box.top >= 30 - line_height(size) / 2 - 2);
                CHECK(box.bottom <= 30 + line_height(size) / 2 + 2);
            }
        }
    }
    Canvas capitals(60, 60);
    capitals.text({30, 30}, "H", {.align = Align::centre, .size = 30});
    const auto box = box_of(capitals.pixels());
    CHECK(std::abs(box.top + box.bottom - 60) <= 2);
    CHECK(std::abs(box.left + box.right - 60) <= 2);

    Canvas turned(60, 200);
    turned.text({30, 100}, "upwards", {.align = Align::centre, .upwards = true});
    const auto tall = box_of(turned.pixels());
    CHECK(tall.bottom - tall.top > 0.8 * text_width("upwards"));
    CHECK(tall.right - tall.left < 1.5 * text_size);
}

TEST_CASE("text that is no text is shown as escapes") {
    CHECK(text_width("") == 0);
    CHECK(text_width("a\xFF") == text_width("a\\xFF"));
    CHECK(text_width("a\nb") == text_width("a\\nb"));
    Canvas canvas(100, 30);
    canvas.text({5, 15}, "a\xFF");
    CHECK(count(canvas.pixels(), image::white) < 100 * 30);
}

TEST_CASE("text is cut and wrapped to a width") {
    CHECK(text_width("cat", 30) == Approx(2 * text_width("cat", 15)));
    CHECK(fit_text("cat", 1000) == "cat");
    const std::string cut = fit_text("a grinning cat with smiling eyes, crème brûlée", 150);
    CHECK(cut.ends_with("…"));
    CHECK(text_width(cut) <= 150);
    // a character is never cut in two
    for (double width = 0; width < 120; width += 1)
        CHECK(fit_text("éééééééé", width).find('\\') == std::string::npos);

    const auto lines = wrap_text("One sentence that is long enough, and another one.", 120);
    CHECK(lines.size() > 2);
    std::string together;
    for (const std::string& line : lines) {
        CHECK(text_width(line) <= 120);
        together += (together.empty() ? "" : " ") + line;
    }
    CHECK(together == "One sentence that is long enough, and another one.");
    CHECK(wrap_text("", 100).empty());
    CHECK(wrap_text("incomprehensibilities", 20).size() == 1);
}

TEST_CASE("a figure is the same in a PNG file, to the last colour") {
    Canvas body(64, 64);
    Image many(64, 64);
    for (int i = 0; i < 64 * 64; ++i)
        many.set(i % 64, i / 64,
                 {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 4),
                  static_cast<std::uint8_t>(i * 7)});
    body.picture(many, {0, 0, 64, 64});
    const Canvas whole = figure("Title", body, "A caption.");
    const test::TemporaryFolder folder;
    whole.save(folder / "figure.png");
    CHECK(image::load_image(folder / "figure.png") == whole.pixels());
    for (int i = 0; i < 64 * 64; i += 111)
        CHECK(count(whole.pixels(), many.at(i % 64, i / 64)) > 0);
}

TEST_CASE("an SVG file is well-formed and carries its title") {
    Canvas body(200, 50);
    body.text({5, 25}, "text & <tags>");
    body.picture(Image(4, 4, red), {100, 5, 40, 40});
    const Canvas whole = figure("Loss & \"noise\" <x₀>", body, "A caption.");
    const test::TemporaryFolder folder;
    whole.save(folder / "figure.svg");
    const std::string svg = io::read_text_file(folder / "figure.svg");
    CHECK_THAT(svg, test::has_text("<title>Loss &amp; \"noise\" &lt;x₀&gt;</title>"));
    CHECK(is_well_formed(svg));
    CHECK(!is_well_formed("<svg><g></svg>"));
}

TEST_CASE("a figure is written as PNG or SVG and as nothing else") {
    const test::TemporaryFolder folder;
    const Canvas canvas(5, 5);
    CHECK_THROWS_WITH(canvas.save(folder / "figure.jpg"), test::has_text(".png or .svg"));
    CHECK_THROWS_AS(canvas.save(folder / "figure"), Error);
    CHECK(!std::filesystem::exists(folder / "figure.jpg"));
    CHECK_THROWS_AS(canvas.save(folder / "nowhere" / "figure.png"), Error);
}

TEST_CASE("a figure has its title above and its caption below the body, nothing cut off") {
    Canvas body(120, 40);
    body.fill({0, 0, 120, 40}, red);
    const std::string long_title = "A title that is wider than what stands under it";
    const Canvas whole =
        figure(long_title, body, "A caption of more than one line, as narrow as the figure is.");
    CHECK(whole.width() >= text_width(long_title, title_size));
    const Image picture = whole.pixels();
    CHECK(count(picture, red) == 120 * 40);
    const auto box = box_of(picture), middle = box_of(picture, red);
    CHECK(box.left > 10);
    CHECK(box.right < picture.width - 10);
    CHECK(box.top > 10);
    CHECK(box.bottom < picture.height - 10);
    CHECK(middle.top - box.top > 15);
    CHECK(box.bottom - middle.bottom > 15);
    const Canvas bare = figure("", body, "");
    CHECK(bare.height() < whole.height());
}

TEST_CASE("figures are drawn on two threads at once, each its own") {
    const auto draw = [](const std::string& text) {
        Canvas body(200, 40);
        body.text({5, 20}, text);
        return figure(text, body, text + " " + text).png();
    };
    const std::string one = draw("the first"), two = draw("another");
    bool same_one = true, same_two = true;
    std::thread other([&] {
        for (int i = 0; i < 50; ++i) same_two = same_two && draw("another") == two;
    });
    for (int i = 0; i < 50; ++i) same_one = same_one && draw("the first") == one;
    other.join();
    CHECK(same_one);
    CHECK(same_two);
}
