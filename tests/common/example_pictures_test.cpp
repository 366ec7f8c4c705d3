#include "common/image/example_pictures.h"

#include "common/error.h"
#include "common/image/png.h"
#include "common/io/json.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;

TEST_CASE("example pictures come with their captions, in the order of their files") {
    const test::TemporaryFolder model;
    CHECK_THROWS_WITH(image::example_pictures(model.path()), test::has_text("captions.json"));

    std::filesystem::create_directory(model / "examples");
    image::save_png(model / "examples/rocket.png", image::Image(4, 4, {255, 0, 0}));
    image::save_png(model / "examples/cat.png", image::Image(2, 3, image::black));
    io::write_json(model / "examples/captions.json",
                   {{"rocket.png", "rocket"}, {"cat.png", "cat face"}});
    const auto examples = image::example_pictures(model.path());
    REQUIRE(examples.size() == 2);
    CHECK(examples[0].caption == "cat face");
    CHECK(examples[0].picture == image::Image(2, 3, image::black));
    CHECK(examples[1].caption == "rocket");

    const auto chosen = image::choose_examples(model.path(), {"rocket", "cat"});
    REQUIRE(chosen.size() == 2);
    CHECK(chosen[0].slug == "rocket");
    CHECK(chosen[1].slug == "cat");
    CHECK_THROWS_WITH(image::choose_examples(model.path(), {"rocket", "grinning-cat"}),
                      test::has_text("no example 'grinning-cat'; there are cat, rocket"));

    io::write_json(model / "examples/captions.json", {{"dog.png", "dog face"}});
    CHECK_THROWS_WITH(image::example_pictures(model.path()), test::has_text("dog.png"));
    io::write_json(model / "examples/captions.json", io::Json::object());
    CHECK_THROWS_AS(image::example_pictures(model.path()), Error);
}
