#include "chapters/08_ldm_pipeline/scheduler_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "chapters/01_ddpm/betas.h"
#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"

namespace ldm::pipeline {
namespace {

using io::Json;

Json merged(Json base, const Json& more) {
    base.update(more);
    return base;
}

/// What the constructors of all classes share; the betas of those for Stable Diffusion.
Json common_defaults(bool of_stable_diffusion = false) {
    return {{"num_train_timesteps", 1000},
            {"beta_start", of_stable_diffusion ? 0.00085 : 0.0001},
            {"beta_end", of_stable_diffusion ? 0.012 : 0.02},
            {"beta_schedule", "linear"},
            {"trained_betas", nullptr},
            {"prediction_type", "epsilon"},
            {"steps_offset", 0}};
}

const Json sigmas = {
    {"use_karras_sigmas", false}, {"use_exponential_sigmas", false}, {"use_beta_sigmas", false}};
const Json thresholds = {
    {"thresholding", false}, {"dynamic_thresholding_ratio", 0.995}, {"sample_max_value", 1.0}};
const Json flow = {{"use_flow_sigmas", false},
                   {"flow_shift", 1.0},
                   {"use_dynamic_shifting", false},
                   {"time_shift_type", "exponential"}};
const Json clip = {{"clip_sample", true}, {"clip_sample_range", 1.0}};

/// DDIM's relatives.
Json of_ddim(bool of_stable_diffusion) {
    return merged(merged(merged(common_defaults(of_stable_diffusion), thresholds), clip),
                  {{"set_alpha_to_one", true},
                   {"timestep_spacing", "leading"},
                   {"rescale_betas_zero_snr", false}});
}

/// LCM and TCD.
Json of_consistency() {
    return merged(of_ddim(true), {{"beta_schedule", "scaled_linear"},
                                  {"clip_sample", false},
                                  {"original_inference_steps", 50},
                                  {"timestep_scaling", 10.0}});
}

/// The second-order ones of k-diffusion.
Json of_k_diffusion(bool of_stable_diffusion) {
    return merged(merged(common_defaults(of_stable_diffusion), sigmas),
                  {{"timestep_spacing", "linspace"}});
}

/// The DPM-Solver family.
Json of_solver() {
    return merged(merged(merged(merged(common_defaults(), sigmas), thresholds), flow),
                  {{"solver_order", 2}, {"timestep_spacing", "linspace"}});
}

Json of_dpm_solver() {
    return merged(of_solver(), {{"algorithm_type", "dpmsolver++"},
                                {"solver_type", "midpoint"},
                                {"final_sigmas_type", "zero"},
                                {"lambda_min_clipped", nullptr},
                                {"variance_type", nullptr}});
}

struct Class {
    std::string name;
    Json defaults;
};

const std::vector<Class>& classes() {
    static const std::vector<Class> all = {
        {"DDIMScheduler", of_ddim(false)},
        {"DDPMScheduler", merged(merged(merged(common_defaults(), thresholds), clip),
                                 {{"variance_type", "fixed_small"},
                                  {"timestep_spacing", "leading"},
                                  {"rescale_betas_zero_snr", false}})},
        {"PNDMScheduler", merged(common_defaults(), {{"skip_prk_steps", false},
                                                     {"set_alpha_to_one", false},
                                                     {"timestep_spacing", "leading"}})},
        {"LMSDiscreteScheduler", of_k_diffusion(false)},
        {"EulerDiscreteScheduler", merged(of_k_diffusion(false), {{"interpolation_type", "linear"},
                                                                  {"sigma_min", nullptr},
                                                                  {"sigma_max", nullptr},
                                                                  {"timestep_type", "discrete"},
                                                                  {"rescale_betas_zero_snr", false},
                                                                  {"final_sigmas_type", "zero"}})},
        {"EulerAncestralDiscreteScheduler",
         merged(common_defaults(),
                {{"timestep_spacing", "linspace"}, {"rescale_betas_zero_snr", false}})},
        {"HeunDiscreteScheduler",
         merged(merged(of_k_diffusion(true), clip), {{"clip_sample", false}})},
        {"KDPM2DiscreteScheduler", of_k_diffusion(true)},
        {"KDPM2AncestralDiscreteScheduler", of_k_diffusion(true)},
        {"DPMSolverMultistepScheduler",
         merged(of_dpm_solver(), {{"lower_order_final", true},
                                  {"euler_at_final", false},
                                  {"use_lu_lambdas", false},
                                  {"rescale_betas_zero_snr", false}})},
        {"DPMSolverSinglestepScheduler", merged(of_dpm_solver(), {{"lower_order_final", false}})},
        {"UniPCMultistepScheduler", merged(of_solver(), {{"predict_x0", true},
                                                         {"solver_type", "bh2"},
                                                         {"lower_order_final", true},
                                                         {"disable_corrector", Json::array()},
                                                         {"solver_p", nullptr},
                                                         {"final_sigmas_type", "zero"},
                                                         {"rescale_betas_zero_snr", false},
                                                         {"sigma_min", nullptr},
                                                         {"sigma_max", nullptr},
                                                         {"shift_terminal", nullptr}})},
        {"DEISMultistepScheduler", merged(of_solver(), {{"algorithm_type", "deis"},
                                                        {"solver_type", "logrho"},
                                                        {"lower_order_final", true}})},
        {"LCMScheduler", of_consistency()},
        {"TCDScheduler", of_consistency()},
    };
    return all;
}

/// What the file says may be part of the message, which stays one line all the same.
[[noreturn]] void refuse(const std::string& what) {
    throw Error("scheduler_config.json: " + text::printable(what, 400));
}

void expect_known_keys(const Json& config) {
    std::set<std::string> known = {"_class_name", "_diffusers_version"};
    for (const Class& one : classes())
        for (const auto& [key, value] : one.defaults.items()) known.insert(key);
    for (const auto& [key, value] : config.items())
        if (!known.contains(key))
            refuse(fmt::format("no scheduler has the key '{}'{}", key,
                               nn::nearest_names(key, {known.begin(), known.end()})));
}

/// A number where the default is one, and so on; null only where the default is.
void expect_type(const std::string& key, const Json& value, const Json& usual) {
    const bool fits =
        usual.is_null() || (usual.is_number() && value.is_number()) || usual.type() == value.type();
    if (!fits || (usual.is_number_integer() && !value.is_number_integer()))
        refuse(
            fmt::format("'{}' is {}, expected a value like {}", key, value.dump(), usual.dump()));
}

void expect_word(const Json& values, const char* key, std::initializer_list<const char*> words) {
    if (!values.contains(key)) return;
    const auto value = values.at(key).get<std::string>();
    if (std::ranges::find(words, value) == words.end())
        refuse(fmt::format("'{}' is '{}', expected {}", key, value, fmt::join(words, ", ")));
}

/// What is known but not done here.
void expect_supported(const Json& values) {
    for (const char* key : {"use_flow_sigmas", "use_dynamic_shifting"})
        if (io::get_or(values, key, false))
            refuse(fmt::format("'{}' is for flow matching, which these models are not", key));
    for (const char* key : {"solver_p", "shift_terminal"})
        if (io::has(values, key)) refuse(fmt::format("'{}' is not supported", key));
    expect_word(values, "beta_schedule", {"linear", "scaled_linear", "squaredcos_cap_v2"});
    expect_word(values, "prediction_type", {"epsilon", "sample", "v_prediction"});
    expect_word(values, "timestep_spacing", {"linspace", "leading", "trailing"});
    expect_word(values, "final_sigmas_type", {"zero", "sigma_min"});
    expect_word(values, "timestep_type", {"discrete", "continuous"});
    expect_word(values, "interpolation_type", {"linear", "log_linear"});
    if (io::has(values, "variance_type"))
        expect_word(values, "variance_type", {"fixed_small", "fixed_small_log", "fixed_large"});
    int grids = 0;
    for (const char* key :
         {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"})
        grids += io::get_or(values, key, false) ? 1 : 0;
    if (grids > 1) refuse("only one of the 'use_…_sigmas' can be true");
}

/// "Common diffusion noise schedules and sample steps are flawed" (Lin et al., 2024), algorithm 1:
/// sqrt(ac) shifted and scaled so that nothing is left of the picture at the last step,
/// where ac becomes last_ac instead of 0.
void rescale_to_zero_terminal_snr(std::vector<double>& ac, double last_ac) {
    const double first = std::sqrt(ac.front()), last = std::sqrt(ac.back());
    for (double& value : ac) {
        const double root = (std::sqrt(value) - last) * (first / (first - last));
        value = root * root;
    }
    ac.back() = last_ac;
}

/// torch.linspace in float32, to the last bit: which whole time step a noise level belongs to can
/// hang on it.
std::vector<float> float_line(double begin, double end, int count) {
    const auto first = static_cast<float>(begin), last = static_cast<float>(end);
    const float step = count > 1 ? (last - first) / static_cast<float>(count - 1) : 0;
    std::vector<float> line;
    for (int i = 0; i < count; ++i)
        line.push_back(i < count / 2 ? std::fma(step, static_cast<float>(i), first)
                                     : std::fma(-step, static_cast<float>(count - 1 - i), last));
    return line;
}

const char* name_of_prediction(const std::string& prediction_type) {
    if (prediction_type == "epsilon") return "eps";
    return prediction_type == "sample" ? "x0" : "v";
}

const char* name_of_betas(const std::string& beta_schedule) {
    if (beta_schedule == "linear") return "sqrt_linear";
    return beta_schedule == "scaled_linear" ? "linear" : "cosine";
}

}  // namespace

SchedulerSettings::SchedulerSettings(const Json& config) {
    if (!config.is_object()) refuse("expected an object");
    if (!io::has(config, "_class_name")) refuse("'_class_name' is missing");
    class_name_ = io::get<std::string>(config, "_class_name");
    const auto found = std::ranges::find(classes(), class_name_, &Class::name);
    if (found == classes().end())
        refuse(fmt::format("the scheduler '{}' is not known{}", class_name_,
                           nn::nearest_names(class_name_, scheduler_classes())));
    expect_known_keys(config);
    values_ = found->defaults;
    for (const auto& [key, value] : config.items()) {
        if (!values_.contains(key)) continue;
        if (value.is_null() && !values_[key].is_null()) continue;
        expect_type(key, value, values_[key]);
        values_[key] = value;
    }
    expect_supported(values_);
}

io::Json SchedulerSettings::model_settings() const {
    return {{"parameterization", name_of_prediction(get<std::string>("prediction_type"))},
            {"beta_schedule", name_of_betas(get<std::string>("beta_schedule"))},
            {"linear_start", get<double>("beta_start")},
            {"linear_end", get<double>("beta_end")},
            {"timesteps", get<int>("num_train_timesteps")}};
}

void SchedulerSettings::set_prediction(ddpm::Parameterization prediction) {
    using enum ddpm::Parameterization;
    values_["prediction_type"] = prediction == eps  ? "epsilon"
                                 : prediction == x0 ? "sample"
                                                    : "v_prediction";
}

std::vector<double> SchedulerSettings::betas() const {
    constexpr int most_steps = 1'000'000;
    const int T = io::get_in(values_, "num_train_timesteps", 1, most_steps);
    const auto kind = get<std::string>("beta_schedule");
    const auto begin = get<double>("beta_start"), end = get<double>("beta_end");
    std::vector<double> betas;
    if (has("trained_betas")) {
        betas = get<std::vector<double>>("trained_betas");
        if (betas.empty()) refuse("'trained_betas' is empty");
    } else if (kind == "squaredcos_cap_v2") {
        betas = ddpm::make_beta_schedule("cosine", T);
    } else if (kind == "linear") {
        for (const float beta : float_line(begin, end, T)) betas.push_back(beta);
    } else {
        for (const float root : float_line(std::sqrt(begin), std::sqrt(end), T))
            betas.push_back(root * root);
    }
    for (double& beta : betas) {
        if (!(beta >= 0 && beta < 1)) refuse(fmt::format("a beta of {}, expected 0 up to 1", beta));
        beta = 1.0 - (1.0f - static_cast<float>(beta));
    }
    return betas;
}

ddpm::Schedule SchedulerSettings::schedule() const {
    std::vector<double> all = betas();
    if (io::get_or(values_, "rescale_betas_zero_snr", false)) {
        std::vector<double> ac = ddpm::cumulative_alphas(all);
        // Upstream's solvers over noise levels have 2^-24 there, the others 0, which is no noise
        // level; this is as good as 0 in float32.
        const bool over_sigmas = class_name_.find("Discrete") != std::string::npos ||
                                 class_name_.find("Multistep") != std::string::npos;
        rescale_to_zero_terminal_snr(ac, std::pow(2.0, over_sigmas ? -24 : -48));
        if (!over_sigmas && get<std::string>("prediction_type") == "epsilon")
            refuse(
                "'rescale_betas_zero_snr' leaves no picture at the last step, of which noise "
                "('prediction_type' 'epsilon') says nothing");
        for (std::size_t t = 0; t < ac.size(); ++t) all[t] = 1 - ac[t] / (t > 0 ? ac[t - 1] : 1);
    }
    return {all,
            ddpm::parameterization_named(name_of_prediction(get<std::string>("prediction_type")))};
}

std::vector<std::string> scheduler_classes() {
    std::vector<std::string> names;
    for (const Class& one : classes()) names.push_back(one.name);
    return names;
}

}  // namespace ldm::pipeline
