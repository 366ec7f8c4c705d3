#include "chapters/07_unet/verify.h"

#include "chapters/07_unet/diffusion_wrapper.h"

namespace ldm::unet {
namespace {

/// The inputs c_concat0, c_concat1 …
std::vector<Tensor> numbered(const verify::Run& run, const std::string& name) {
    std::vector<Tensor> found;
    while (Tensor x = run.find_in(name + std::to_string(found.size()))) found.push_back(x);
    return found;
}

void unet_model(verify::Run& run) {
    const UNetModel unet(run.params(), Config::from_json(run.config()));
    run.out("out", unet(run.in("x"), run.in("t"), run.find_in("context"), run.find_in("y")));
}

void diffusion_wrapper(verify::Run& run) {
    io::expect_only_keys(run.config(), {"unet", "conditioning_key"}, "DiffusionWrapper");
    const io::Json key = io::get_or(run.config(), "conditioning_key", io::Json());
    const auto kind = DiffusionWrapper::key_from_json(key);
    const DiffusionWrapper model(run.params(),
                                 Config::from_json(io::get<io::Json>(run.config(), "unet")), kind);
    Conditioning given{.concat = numbered(run, "c_concat"),
                       .crossattn = numbered(run, "c_crossattn")};
    // upstream hands labels over as if they were context
    if (kind == DiffusionWrapper::Key::adm && !given.crossattn.empty())
        given = {.y = given.crossattn[0]};
    run.out("out", model(run.in("x"), run.in("t"), given));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["UNetModel"] = verify::in_16_bits_too(unet_model);
    registry["DiffusionWrapper"] = verify::in_16_bits_too(diffusion_wrapper);
}

}  // namespace ldm::unet
