// The networks that upstream's files ask for have as many parameters as upstream's.

#include <filesystem>

#include "chapters/12_conditioners/config_file/network_parts.h"
#include "common/io/yaml.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"

using namespace ldm;
using conditioners::network_parts;
using test::has_text;

TEST_CASE("every configuration's networks have upstream's number of parameters", "[config]") {
    const std::filesystem::path folder = LDM_SOURCE_DIR "/reference_data/configs";
    const io::Json expected = io::read_json(folder / "parameters.json");
    CHECK(expected.size() == 34);
    CHECK(expected.size() + 2 ==  // and the table of them, and what they are
          static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                 std::filesystem::directory_iterator())));
    for (const auto& [name, numbers] : expected.items()) {
        INFO(name);
        const auto parts = network_parts(io::read_yaml(folder / (name + ".yaml")));
        CHECK(parts.size() == numbers.size());
        for (const auto& part : parts) {
            INFO(part.name);
            CHECK(part.numbers == numbers.at(part.name).get<std::int64_t>());
        }
    }
}

TEST_CASE("Stable Diffusion's sizes in 16 bits", "[config]") {
    const auto parts =
        network_parts(io::read_yaml(LDM_SOURCE_DIR "/reference_data/configs/v1-inference.yaml"));
    const std::string table = conditioners::parts_table(parts);
    // 1.6 GB, 160 MB, 235 MB, 2 GB
    for (const char* size : {"1639.4 MiB", "159.6 MiB", "234.7 MiB", "2033.7 MiB"})
        CHECK_THAT(table, has_text(size));
}

TEST_CASE("a configuration that cannot be built is refused in a sentence", "[config]") {
    const auto parts = [](const std::string& text) {
        return network_parts(io::parse_yaml(text, "test.yaml"));
    };
    CHECK_THROWS_WITH(parts("target: ldm.models.autoencoder.AutoencoderLK\nparams: {}\n"),
                      has_text("'AutoencoderLK'") && has_text("nearest: 'AutoencoderKL'"));
    CHECK_THROWS_WITH(parts("target: ldm.models.diffusion.ddpm.LatentDifusion\nparams: {}\n"),
                      has_text("nearest: 'LatentDiffusion'"));
    CHECK_THROWS_WITH(
        parts("target: x.LatentDiffusion\n"
              "params:\n"
              "  unet_config: {target: torch.nn.Identity}\n"
              "  first_stage_config: {target: torch.nn.Identity}\n"
              "  cond_stage_config: __is_uncondtional__\n"),
        has_text("the conditioner is neither") && has_text("nearest: '__is_unconditional__'"));
    CHECK_THROWS_WITH(parts("params: {}\n"), has_text("'target'"));
    CHECK_THROWS_WITH(parts("target: x.BERTEmbedder\nparams: text\n"), has_text("'params'"));
    CHECK_THROWS_WITH(
        parts("target: x.LatentDiffusion\nparams: {unet_config: {target: UNetModel}}"),
        has_text("in_channels"));
    CHECK_THROWS_WITH(parts("target: x.ClassEmbedder\nparams: {embed_dim: -1}\n"),
                      has_text("embed_dim"));
    CHECK(parts("target: x.LatentDiffusion\n"
                "params:\n"
                "  unet_config: {target: torch.nn.Identity}\n"
                "  first_stage_config: {target: ldm.models.autoencoder.IdentityFirstStage}\n"
                "  cond_stage_config: __is_unconditional__\n")
              .size() == 3);
}

TEST_CASE("a codebook that is drawn from by lot has the parameters of the original", "[config]") {
    test::StoredModel stored("02_vae/GumbelVQ.odd");
    io::Json params = stored.config();
    params["temperature_scheduler_config"] = {{"target", "taming.lr_scheduler.Any"}};
    const auto parts =
        network_parts({{"target", "taming.models.vqgan.GumbelVQ"}, {"params", params}});
    CHECK(parts.front().numbers == stored.numbers());
    params["embed_dim"] = 5;
    CHECK_THROWS_WITH(network_parts({{"target", "GumbelVQ"}, {"params", params}}),
                      has_text("'embed_dim' is 5 and 'z_channels' is 4"));
}

TEST_CASE("a layout's model is a latent diffusion model", "[config]") {
    io::Json config =
        io::read_yaml(LDM_SOURCE_DIR "/reference_data/configs/layout2img-openimages256.yaml");
    const std::int64_t numbers = network_parts(config).front().numbers;
    config["model"]["target"] = "ldm.models.diffusion.ddpm.Layout2ImgDiffusion";
    CHECK(network_parts(config).front().numbers == numbers);
}
