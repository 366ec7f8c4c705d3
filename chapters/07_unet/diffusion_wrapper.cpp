#include "chapters/07_unet/diffusion_wrapper.h"

#include <fmt/format.h>

#include "common/ops/shape.h"

namespace ldm::unet {

DiffusionWrapper::Key DiffusionWrapper::key_from_json(const io::Json& conditioning_key) {
    if (conditioning_key.is_null()) return Key::none;
    const std::string name = conditioning_key.is_string() ? conditioning_key.get<std::string>()
                                                          : conditioning_key.dump();
    if (name == "concat") return Key::concat;
    if (name == "crossattn") return Key::crossattn;
    if (name == "hybrid") return Key::hybrid;
    if (name == "adm") return Key::adm;
    throw Error(fmt::format(
        "unknown 'conditioning_key' '{}': expected null, concat, crossattn, hybrid or adm", name));
}

DiffusionWrapper::DiffusionWrapper(const nn::Params& weights, const Config& unet, Key key)
    : unet_(weights / "diffusion_model", unet), key_(key) {}

//! [forward]
Tensor DiffusionWrapper::operator()(const Tensor& x, const Tensor& t,
                                    const Conditioning& given) const {
    const auto with_channels = [&] {
        std::vector<Tensor> parts{x};
        parts.insert(parts.end(), given.concat.begin(), given.concat.end());
        return ops::concat(parts, 1);  // [N, C + c, H, W]
    };
    const auto context = [&] {
        expect(!given.crossattn.empty(), "this conditioning key needs a 'crossattn' entry");
        // [N, M, D], the tokens of all entries one after the other
        return given.crossattn.size() == 1 ? given.crossattn[0] : ops::concat(given.crossattn, 1);
    };
    switch (key_) {
        case Key::none:
            return unet_(x, t);
        case Key::concat:
            return unet_(with_channels(), t);
        case Key::crossattn:
            return unet_(x, t, context());
        case Key::hybrid:
            return unet_(with_channels(), t, context());
        case Key::adm:
            expect(static_cast<bool>(given.y), "the conditioning key 'adm' needs labels");
            return unet_(x, t, {}, given.y);
    }
    fail("unknown conditioning key");
}
//! [forward]

}  // namespace ldm::unet
