#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "chapters/13_super_resolution/augment.h"
#include "chapters/13_super_resolution/classical.h"
#include "chapters/13_super_resolution/convolve.h"
#include "chapters/13_super_resolution/cv_resize.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/kernels.h"
#include "chapters/13_super_resolution/sharpening.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "chapters/13_super_resolution/verify.h"
#include "chapters/13_super_resolution/verify_layouts.h"
#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

using io::Json;

constexpr int most_scale = 64, most_pixels_of_kernel = 127;

/// The picture, and the kernels that earlier operations made.
struct Operands {
    Tensor picture;  // [1, 3, H, W]
    std::map<std::string, Tensor> kernels;

    const Tensor& kernel(const Json& op) const {
        const auto name = io::get<std::string>(op, "kernel");
        const auto found = kernels.find(name);
        if (found == kernels.end())
            throw Error("'kernel': no operation before this one made '" + name + "'");
        return found->second;
    }
};

int scale_of(const Json& op, const char* key = "sf") {
    return io::get_in<int>(op, key, 1, most_scale);
}

int kernel_size(const Json& op, const char* key) {
    return io::get_in<int>(op, key, 1, most_pixels_of_kernel);
}

Tensor random_gaussian(const Json& op) {
    const auto size = io::get_list_in<int>(op, "k_size", 1, most_pixels_of_kernel, 2);
    const auto scale = io::get<std::vector<double>>(op, "scale_factor");
    const auto uniform = io::get<std::vector<double>>(op, "uniform");
    if (size.size() != 2 || scale.size() != 2 || uniform.size() != 3)
        throw Error("'gen_kernel': expected two of k_size and scale_factor, three of uniform");
    return gen_kernel(
        {.width = size[0],
         .height = size[1],
         .scale = {scale[0], scale[1]},
         .min_variance = io::get_or(op, "min_var", 0.6),
         .max_variance = io::get_or(op, "max_var", 10.0),
         .uniform = {uniform[0], uniform[1], uniform[2]},
         .noise_level = io::get<double>(op, "noise_level"),
         .uniform_field = Tensor::full({size[1], size[0]}, io::get<float>(op, "uniform_field"))});
}

Tensor resized(const Tensor& x, const Json& op) {
    return imresize(x, io::get<double>(op, "scale"), io::get_or(op, "antialiasing", true));
}

/// imresize with the layout of its result.
Tensor resized_in_layout(const Tensor& x, const Json& op) {
    const Tensor y = resized(x, op);
    const std::string layout = io::get_or(op, "layout", "hwc");
    if (layout == "hwc") return channels_last(y);
    if (layout == "chw") return y.reshape({y.dim(1), y.dim(2), y.dim(3)});
    throw Error("'layout': expected hwc or chw, got '" + layout + "'");
}

image::Border border_of(const Json& op) {
    const auto mode = io::get<std::string>(op, "mode");
    if (mode == "mirror") return image::Border::mirror;
    if (mode == "wrap") return image::Border::wrap;
    throw Error("'mode': expected mirror or wrap, got '" + mode + "'");
}

/// All eight, one behind the other [8, size, size, 3].
Tensor augmented(const Tensor& x, const Json& op) {
    const auto size = io::get_in<std::int64_t>(op, "crop", 1, std::min(x.dim(2), x.dim(3)));
    const Tensor crop = ops::slice(ops::slice(x, 2, 0, size), 3, 0, size);
    std::vector<Tensor> all;
    for (int mode = 0; mode < augmentations; ++mode)
        all.push_back(channels_last(augment(crop, mode)).reshape({1, size, size, 3}));
    return ops::concat(all, 0);
}

Sharpening sharpening_of(const Json& op) {
    const Sharpening usual;
    return {io::get_or(op, "weight", usual.weight), io::get_or(op, "radius", usual.radius),
            io::get_or(op, "threshold", usual.threshold)};
}

Tensor cv_resized(const Tensor& x, const Json& op) {
    return cv_resize(x, io::get_in(op, "width", 1, image::largest_side),
                     io::get_in(op, "height", 1, image::largest_side),
                     cv_filter_from(io::get<std::string>(op, "interpolation")));
}

/// An operation: its keys beside `out` and `op`, and what it gives.
struct Operation {
    std::vector<std::string> keys;
    std::function<Tensor(const Operands&, const Json&)> run;
    bool makes_kernel = false;
};

std::map<std::string, Operation> kernel_operations() {
    return {
        {"anisotropic_gaussian",
         {{"ksize", "theta", "l1", "l2"},
          [](const Operands&, const Json& op) {
              return anisotropic_gaussian(kernel_size(op, "ksize"), io::get<double>(op, "theta"),
                                          io::get<double>(op, "l1"), io::get<double>(op, "l2"));
          }}},
        {"fspecial_gaussian",
         {{"hsize", "sigma"},
          [](const Operands&, const Json& op) {
              return fspecial_gaussian(kernel_size(op, "hsize"), io::get<double>(op, "sigma"));
          }}},
        {"fspecial_laplacian",
         {{"alpha"},
          [](const Operands&, const Json& op) {
              return fspecial_laplacian(io::get<double>(op, "alpha"));
          }}},
        {"analytic_kernel",
         {{"kernel"},
          [](const Operands& on, const Json& op) { return analytic_kernel(on.kernel(op)); }}},
        {"shift_pixel",
         {{"kernel", "sf", "upper_left"},
          [](const Operands& on, const Json& op) {
              return shift_pixel(on.kernel(op), scale_of(op), io::get_or(op, "upper_left", true));
          }}},
        {"gen_kernel",
         {{"k_size", "scale_factor", "noise_level", "min_var", "max_var", "uniform",
           "uniform_field"},
          [](const Operands&, const Json& op) { return random_gaussian(op); }}},
    };
}

std::map<std::string, Operation> filter_operations() {
    return {
        {"imresize",
         {{"scale", "antialiasing", "layout"},
          [](const Operands& on, const Json& op) { return resized_in_layout(on.picture, op); }}},
        {"convolve",
         {{"kernel", "mode"},
          [](const Operands& on, const Json& op) {
              return channels_last(convolve(on.picture, on.kernel(op), border_of(op)));
          }}},
        {"blur",
         {{"kernel"},
          [](const Operands& on, const Json& op) {
              return correlate(on.picture, on.kernel(op), image::Border::repeat);
          }}},
        {"add_sharpening",
         {{"weight", "radius", "threshold"},
          [](const Operands& on, const Json& op) {
              return channels_last(add_sharpening(on.picture, sharpening_of(op)));
          }}},
        {"cv_resize",
         {{"width", "height", "interpolation"},
          [](const Operands& on, const Json& op) {
              return channels_last(cv_resized(on.picture, op));
          }}},
        {"modcrop",
         {{"scale"},
          [](const Operands& on, const Json& op) {
              return channels_last(crop_to_multiple(on.picture, scale_of(op, "scale")));
          }}},
        {"augment",
         {{"crop"}, [](const Operands& on, const Json& op) { return augmented(on.picture, op); }}},
        {"single2uint",
         {{}, [](const Operands& on, const Json&) { return bytes_of(to_bytes(on.picture)); }}},
    };
}

std::map<std::string, Operation> classical_operations() {
    using Degradation = Tensor (*)(const Tensor&, const Tensor&, int);
    const auto with_kernel = [](Degradation degradation) -> Operation {
        return {{"kernel", "sf"}, [=](const Operands& on, const Json& op) {
                    return channels_last(degradation(on.picture, on.kernel(op), scale_of(op)));
                }};
    };
    return {{"srmd_degradation", with_kernel(srmd_degradation)},
            {"dpsr_degradation", with_kernel(dpsr_degradation)},
            {"classical_degradation", with_kernel(classical_degradation)},
            {"bicubic_degradation", {{"sf"}, [](const Operands& on, const Json& op) {
                                         return channels_last(
                                             bicubic_degradation(on.picture, scale_of(op)));
                                     }}}};
}

std::map<std::string, Operation> all_operations() {
    std::map<std::string, Operation> all = kernel_operations();
    for (auto& [name, operation] : all) operation.makes_kernel = true;
    all.merge(filter_operations());
    all.merge(classical_operations());
    return all;
}

}  // namespace

void verify_degradation(verify::Run& run) {
    static const std::map<std::string, Operation> operations = all_operations();
    io::expect_only_keys(run.config(), {"ops"}, "config");
    Operands operands{channels_first(run.in("img")), {}};
    extent_of(operands.picture);
    const auto list = io::get<std::vector<Json>>(run.config(), "ops");
    for (const Json& op : list) {
        const auto kind = io::get<std::string>(op, "op");
        const auto found = operations.find(kind);
        if (found == operations.end()) throw Error("unknown 'op' '" + kind + "'");
        std::vector<std::string> keys = found->second.keys;
        keys.insert(keys.end(), {"out", "op"});
        io::expect_only_keys(op, keys, kind);
        const auto name = io::get<std::string>(op, "out");
        const Tensor result = found->second.run(operands, op);
        if (found->second.makes_kernel) operands.kernels[name] = result;
        run.out(name, result);
    }
}

}  // namespace ldm::super_resolution
