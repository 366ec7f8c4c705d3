#include "chapters/08_ldm_pipeline/sampling_figure.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/report/chapter_program.h"
#include "common/report/progress.h"
#include "common/report/spinning.h"

using namespace ldm;

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string prompt = "grinning cat", negative_prompt;
    int steps = 0;
    float cfg_scale = 0.0f;
    return report::ChapterProgram("08_ldm_pipeline",
                                  "From a prompt to a picture: the whole pipeline, and the picture "
                                  "that the model predicts at each step (pred_x0).")
        .option("--prompt", prompt, "What to draw")
        .option("--negative-prompt", negative_prompt, "What not to draw")
        .option("--steps", steps, "Denoising steps (default: the model's)")
        .option("--cfg-scale", cfg_scale,
                "How strongly the prompt is followed (default: the model's)")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            if (steps < 0 || !(cfg_scale >= 0))
                throw Error("--steps and --cfg-scale cannot be negative");
            pipeline::OpenedModel opened = pipeline::open_model(arguments.model);
            pipeline::Txt2ImgRequest request = preferred_request(opened.spec);
            request.prompts = {prompt};
            request.negative_prompt = negative_prompt;
            request.keep_steps = true;
            request.seeds = {arguments.seed};
            if (steps > 0) request.steps = steps;
            if (cfg_scale > 0) request.cfg_scale = cfg_scale;
            opened.source.use({.device = arguments.device});
            const pipeline::LatentDiffusion model(std::move(opened));

            pipeline::Txt2ImgResult result;
            {
                report::Progress progress("drawing", step_count(request, model.spec()));
                result = txt2img(model, request, [&](const ddpm::SamplerStep&) {
                    progress.step();
                    return true;
                });
            }
            arguments.save("08_ldm_pipeline_picture.png",
                           pipeline::to_uint8_image(result.pictures, 0));
            arguments.save("08_ldm_pipeline.png", sampling_figure(model, result, prompt));
        });
}
