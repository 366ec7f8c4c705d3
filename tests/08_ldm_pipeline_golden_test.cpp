// The picture of a prompt and a seed, as the original code draws it with the shipped model
// (reference_data/generate/golden_picture.py).

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/io/safetensors.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::pipeline;
using test::close;

namespace {

const char* const model_folder = LDM_SOURCE_DIR "/reference_data/models/emoji";

class Golden {
public:
    Tensor tensor(const std::string& name) const {
        const io::TensorEntry& entry = file_.at(name);
        return Tensor::from(entry.shape, io::read_floats(entry));
    }
    Txt2ImgRequest request(const ModelSpec& spec) const {
        const io::Json settings =
            io::parse_json(file_.metadata().at("settings"), "the golden picture");
        Txt2ImgRequest request = preferred_request(spec, io::get<std::string>(settings, "sampler"));
        request.prompts = {io::get<std::string>(settings, "prompt")};
        request.seeds = {io::get<std::uint64_t>(settings, "seed")};
        request.steps = io::get<int>(settings, "steps");
        request.cfg_scale = io::get<float>(settings, "cfg_scale");
        request.keep_steps = true;
        return request;
    }

private:
    io::TensorFile file_ = io::open_safetensors(
        LDM_SOURCE_DIR "/reference_data/08_ldm_pipeline/golden_picture.safetensors");
};

Tensor bytes_of(const Tensor& pictures, std::int64_t index) {
    const image::Image picture = to_uint8_image(pictures, index);
    const std::vector<float> bytes(picture.rgb.begin(), picture.rgb.end());
    return Tensor::from({picture.height, picture.width, 3}, bytes);
}

}  // namespace

TEST_CASE("a prompt and a seed give the latents and the picture of the original code") {
    const Golden golden;
    const LatentDiffusion model(open_model(model_folder));
    const Txt2ImgRequest request = golden.request(model.spec());
    const Txt2ImgResult result = txt2img(model, request);

    CHECK(close(result.noise, golden.tensor("noise"), 0.0) == "");
    REQUIRE(result.steps.size() == 20);
    // the largest latent is 4; float32 with other orders of summation stays well below
    CHECK(close(result.steps[0].x, golden.tensor("step.0"), 1e-4) == "");
    CHECK(close(result.steps[10].x, golden.tensor("step.10"), 1e-4) == "");
    CHECK(close(result.steps.back().x, golden.tensor("final"), 1e-4) == "");
    // 1: a number that lies beside a whole one may be cut off to the one below
    CHECK(close(bytes_of(result.pictures, 0), golden.tensor("picture"), 1.0) == "");
}
