// Pictures that were drawn by the scheduler of a diffusers folder, drawn again from their text.
// Such a folder is one of full-size Stable Diffusion; here the small model stands in for its
// networks.

#include <cstdint>
#include <set>
#include <vector>

#include "chapters/08_ldm_pipeline/prediction.h"
#include "chapters/ldm/drawing_options.h"
#include "chapters/ldm/picture_text.h"
#include "common/image/png.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace ldm;
using namespace ldm::program;
using test::has_text;

/// The small model with the scheduler of such a folder.
pipeline::OpenedModel with_scheduler(const io::Json& config) {
    pipeline::OpenedModel model = pipeline::open_model(nn::shipped_model());
    model.spec.scheduler.emplace(config);
    model.spec.schedule = ddpm::Schedule::from_model_config(model.spec.scheduler->model_settings());
    return model;
}

struct Drawn {
    image::Image picture;
    std::string text;
};

/// What the command line draws with a model.
Drawn draw(pipeline::OpenedModel opened, const std::string& arguments) {
    DrawingOptions options;
    CLI::App command;
    add_drawing_options(command, options);
    command.parse(arguments);
    if (!options.prediction.empty())
        pipeline::set_prediction(opened.spec, ddpm::parameterization_named(options.prediction));
    pipeline::Txt2ImgRequest request = request_template(options, opened.spec, {});
    request.prompts = {options.prompt};
    request.seeds = {seed_of(options.seed)};
    const pipeline::LatentDiffusion model(std::move(opened));
    const pipeline::Txt2ImgResult result = txt2img(model, request);
    return {pipeline::to_uint8_image(result.pictures, 0),
            picture_text(options, model, request, 0, "")};
}

/// With the settings of Stable Diffusion and these.
io::Json settings(const std::string& class_name, const io::Json& more = io::Json::object()) {
    io::Json config = {{"_class_name", class_name},
                       {"beta_schedule", "scaled_linear"},
                       {"beta_start", 0.00085},
                       {"beta_end", 0.012},
                       {"steps_offset", 1}};
    config.update(more);
    return config;
}

/// Draws, then draws the picture again: the same pixels and the same text.
Drawn check_again(const io::Json& config, const std::string& arguments) {
    const test::TemporaryFolder folder;
    const Drawn first = draw(with_scheduler(config), "--prompt 'red apple' " + arguments);
    INFO(config.dump() << "\n" << first.text);
    CHECK_THAT(first.text, has_text("Schedule type: "));
    image::save_png(folder / "a.png", first.picture, {{"parameters", first.text}});
    const Drawn again = draw(with_scheduler(config), "--from " + (folder / "a.png").string());
    CHECK(again.picture == first.picture);
    CHECK(again.text == first.text);
    return first;
}

}  // namespace

TEST_CASE("--from draws a picture of every scheduler of a diffusers folder again") {
    std::set<std::vector<std::uint8_t>> pictures;
    for (const std::string& name : pipeline::scheduler_classes())
        pictures.insert(
            check_again(settings(name), "--steps 5 --width 32 --height 32").picture.rgb);
    // without noise and with the same stops, some are one and the same
    CHECK(pictures.size() > pipeline::scheduler_classes().size() / 2);
    // as many steps as they make by themselves
    for (const char* name : {"PNDMScheduler", "HeunDiscreteScheduler", "LCMScheduler"})
        check_again(settings(name), "--width 16 --height 16");
}

TEST_CASE("--from draws a picture again whose scheduler has settings of its own") {
    const std::string few = "--steps 5 --width 32 --height 32 ";
    const Drawn plain = check_again(settings("DPMSolverMultistepScheduler"), few);
    for (const io::Json& more : {io::Json{{"use_karras_sigmas", true}},
                                 {{"timestep_spacing", "trailing"}},
                                 {{"algorithm_type", "sde-dpmsolver++"}},
                                 {{"prediction_type", "v_prediction"}},
                                 {{"num_train_timesteps", 500}}}) {
        const Drawn other = check_again(settings("DPMSolverMultistepScheduler", more), few);
        CHECK_FALSE(other.picture == plain.picture);
        CHECK(other.text == plain.text);
    }
    CHECK_THAT(check_again(settings("DDIMScheduler"), few + "--eta 0.3").text,
               has_text("Sampler: DDIM, Schedule type: ") && has_text("Eta: 0.3"));
    // a sampler that was chosen is no longer the folder's
    const io::Json ddim = settings("DDIMScheduler");
    CHECK_THAT(check_again(ddim, few + "--sampler euler_a").text,
               has_text("Sampler: Euler a, Schedule type: Uniform"));
    CHECK_THAT(check_again(ddim, few + "--sampler dpm++2m --schedule karras").text,
               has_text("Sampler: DPM++ 2M, Schedule type: Karras"));
}

TEST_CASE("--prediction counts more than what a scheduler says") {
    const std::string few = "--steps 5 --width 32 --height 32 ";
    for (const char* name :
         {"DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"}) {
        const io::Json eps = settings(name),
                       v = settings(name, {{"prediction_type", "v_prediction"}});
        const Drawn as_eps = check_again(eps, few), as_v = check_again(v, few);
        CHECK_FALSE(as_eps.picture == as_v.picture);
        const Drawn told = check_again(eps, few + "--prediction v");
        CHECK(told.picture == as_v.picture);
        CHECK_THAT(told.text, has_text(", Prediction: v"));
        CHECK(check_again(v, few + "--prediction eps").picture == as_eps.picture);
        CHECK(draw(with_scheduler(eps), few + "--prompt 'red apple' --sampler euler").picture ==
              draw(with_scheduler(v), few + "--prompt 'red apple' --sampler euler --prediction eps")
                  .picture);
    }
}
