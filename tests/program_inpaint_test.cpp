// ldm inpaint with a model that is shown the masked picture and the mask, and takes no text.

#include <algorithm>
#include <map>
#include <vector>

#include "common/image/image.h"
#include "common/image/png.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/nn/recipe.h"
#include "common/verify/case.h"
#include "tests/support/program.h"

using namespace ldm;
using test::Folder;
using test::has_text;
using test::run;

namespace {

/// The small model of a stored case as a model folder: seven channels, a codebook of 20 entries.
void write_model(const Folder& folder) {
    const verify::Case stored(LDM_SOURCE_DIR
                              "/reference_data/11_editing/LatentInpainting.vq_first_stage."
                              "safetensors");
    nn::Checkpoint checkpoint;
    nn::add_recipe(checkpoint, stored.recipe().value());
    const std::map<std::string, Tensor> weights = checkpoint.load_all();
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, x] : weights)
        entries.push_back(io::entry_of(name, x.shape(), x.values()));
    io::write_safetensors(folder / "model.safetensors", entries);
    io::write_json(folder / "config.json", stored.config().at("model"));
}

/// Waves of color.
image::Image picture() {
    image::Image picture(32, 24);
    for (int i = 0; i < 32 * 24 * 3; ++i) picture.rgb[i] = static_cast<std::uint8_t>(7 * i);
    return picture;
}

/// White in the upper left.
image::Image mask() {
    image::Image mask(32, 24);
    std::ranges::fill(mask.rgb, std::uint8_t{0});
    for (int y = 0; y < 12; ++y)
        for (int x = 0; x < 16; ++x) mask.set(x, y, {255, 255, 255});
    return mask;
}

}  // namespace

TEST_CASE("a model without text fills in a part of a picture, and --from does it again") {
    const Folder model, files;
    write_model(model);
    image::save_png(files / "photo.png", picture());
    image::save_png(files / "mask.png", mask());
    const std::string draw = "inpaint --model " + model.path().string() + " --image " +
                             files / "photo.png" + " --mask " + files / "mask.png" +
                             " --mask-blur 0 ";
    const auto first = run(draw + "--output " + files / "a.png");
    INFO(first.output);
    REQUIRE(first.status == 0);
    const image::Image before = picture(), after = image::load_image(files / "a.png");
    int changed = 0;
    for (int y = 0; y < 24; ++y)
        for (int x = 0; x < 32; ++x)
            for (int c = 0; c < 3; ++c) {
                const int i = (y * 32 + x) * 3 + c;
                if (x < 16 && y < 12)
                    changed += before.rgb[i] != after.rgb[i];
                else
                    REQUIRE(before.rgb[i] == after.rgb[i]);
            }
    CHECK(changed > 100);

    const auto second = run(draw + "--from " + files / "a.png" + " --output " + files / "b.png");
    INFO(second.output);
    REQUIRE(second.status == 0);
    CHECK(image::load_image(files / "b.png") == after);
}

TEST_CASE("a model without text takes none, and one with text wants some") {
    const Folder model, files, folder;
    write_model(model);
    image::save_png(files / "photo.png", picture());
    image::save_png(files / "mask.png", mask());
    const std::string with_model = " --model " + model.path().string(),
                      output = " --output " + folder / "a.png";
    const std::string inpaint =
        "inpaint --image " + files / "photo.png" + " --mask " + files / "mask.png" + output;
    for (const char* text : {" --prompt cat", " --negative-prompt cat", " --cfg-scale 2"})
        check_refused(run(inpaint + with_model + text), "takes no text", folder);
    check_refused(run(inpaint), "--prompt or --prompt-file is required", folder);
    check_refused(run("txt2img" + with_model + output), "it is for img2img", folder);
    check_refused(run("img2img --init-image " + files / "photo.png" + with_model + output),
                  "this model is for inpaint", folder);
}
