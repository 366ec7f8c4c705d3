#include "chapters/08_ldm_pipeline/stored_buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/01_ddpm/betas.h"
#include "chapters/01_ddpm/schedule.h"
#include "common/error.h"

namespace ldm::pipeline {
namespace {

/// How far a number may be off that was rounded to this type; 0 for types that hold no betas.
double rounding(io::DType dtype) {
    switch (dtype) {
        case io::DType::f64:
        case io::DType::f32:
            // and a little for another way to compute them
            return 1e-6;
        case io::DType::f16:
            return 0x1p-10;
        case io::DType::bf16:
            return 0x1p-7;
        default:
            return 0;
    }
}

bool are_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
    return std::ranges::equal(
        a, b, [&](double x, double y) { return std::abs(x - y) <= tolerance * std::abs(y); });
}

/// 0.0155 of the float32 next to it.
double shortest(double x) { return std::stod(fmt::format("{}", static_cast<float>(x))); }

std::vector<double> betas_of(const io::TensorEntry& entry) {
    std::vector<double> betas = io::read_doubles(entry);
    for (const double beta : betas)
        if (!(beta > 0 && beta < 1))
            throw Error(fmt::format(
                "its noise schedule ('betas') is damaged: one is {}, expected between 0 and 1",
                beta));
    return betas;
}

void read_schedule(io::Json& settings, const io::TensorEntry& entry) {
    const std::vector<double> betas = betas_of(entry);
    const double tolerance = rounding(entry.dtype);
    const auto known = ddpm::Schedule::from_model_config(settings);
    if (are_near(betas,
                 ddpm::make_beta_schedule(known.beta_schedule, known.timesteps, known.linear_start,
                                          known.linear_end, known.cosine_s),
                 tolerance))
        return;
    const int timesteps = static_cast<int>(betas.size());
    const double start = shortest(betas.front()), end = shortest(betas.back());
    settings["timesteps"] = timesteps;
    if (are_near(betas, ddpm::make_beta_schedule("linear", timesteps, start, end), tolerance))
        settings.update(
            {{"beta_schedule", "linear"}, {"linear_start", start}, {"linear_end", end}});
    else
        settings["given_betas"] = betas;
}

void read_scale_factor(io::Json& settings, const io::TensorFile& file) {
    const io::TensorEntry* entry = file.find("scale_factor");
    const double factor = entry && entry->count() == 1 ? io::read_doubles(*entry)[0] : 0;
    if (!std::isfinite(factor) || factor <= 0)
        throw Error(
            "it has no 'scale_factor', by which its latents were multiplied: it was measured when "
            "the model was trained, and stands only in the file");
    settings["scale_factor"] = factor;
}

}  // namespace

io::Json with_stored_buffers(io::Json settings, const io::TensorFile& file) {
    const io::TensorEntry* betas = file.find("betas");
    if (betas && betas->shape.size() == 1 && betas->count() > 0 && rounding(betas->dtype) > 0)
        read_schedule(settings, *betas);
    if (io::get_or(settings, "scale_by_std", false)) read_scale_factor(settings, file);
    return settings;
}

}  // namespace ldm::pipeline
