#include "chapters/09_training/verify_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "chapters/01_ddpm/learning_rate.h"
#include "chapters/01_ddpm/losses.h"
#include "chapters/01_ddpm/verify_support.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/optimizer/adam.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/muon.h"
#include "common/nn/layers.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

using ddpm::entry;
using ddpm::stack;
using io::Json;

// ---- optimizers by themselves: the gradients are given

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Weights&, const Json& config)>;

/// in/w.<name> are the weights, in/g.<name> [steps, ...] their gradients, out/<name> [steps, ...]
/// the weights after each step.
void run_optimizer(verify::Run& run, const MakeOptimizer& make) {
    Weights weights;
    std::map<std::string, std::vector<Tensor>> path;
    for (const auto& name : io::get<std::vector<std::string>>(run.config(), "weights"))
        weights[name] = run.in("w." + name);
    const auto optimizer = make(weights, run.config());
    const double max_norm = io::get_or(run.config(), "max_norm", 0.0);

    const auto rates = io::get<std::vector<double>>(run.config(), "lr");
    for (std::size_t step = 0; step < rates.size(); ++step) {
        Weights gradients;
        for (const auto& [name, w] : weights)
            gradients[name] = entry(run.in("g." + name), static_cast<std::int64_t>(step));
        if (max_norm > 0.0) gradients = clipped(gradients, gradient_norm(gradients), max_norm);
        optimizer->step(gradients, rates[step]);
        for (const auto& [name, w] : copy_of(weights)) path[name].push_back(w);
    }
    for (const auto& [name, steps] : path) run.out(name, stack(steps));
}

Json only(const Json& config, std::initializer_list<const char*> keys) {
    Json some = Json::object();
    for (const char* key : keys)
        if (config.contains(key)) some[key] = config[key];
    return some;
}

template <Adam::Config from_json(const Json&)>
void adam(verify::Run& run) {
    io::expect_only_keys(run.config(),
                         {"weights", "lr", "betas", "eps", "weight_decay", "max_norm"}, "config");
    run_optimizer(run, [](const Weights& weights, const Json& config) {
        return std::make_unique<Adam>(weights,
                                      from_json(only(config, {"betas", "eps", "weight_decay"})));
    });
}

void muon(verify::Run& run) {
    io::expect_only_keys(
        run.config(), {"weights", "inner", "lr", "momentum", "weight_decay", "max_norm"}, "config");
    run_optimizer(run, [](const Weights& weights, const Json& config) {
        const auto inner = io::get<std::vector<std::string>>(config, "inner");
        Muon::Config settings;
        settings.beta = io::get_or(config, "momentum", settings.beta);
        settings.weight_decay = settings.adam.weight_decay =
            io::get_or(config, "weight_decay", settings.weight_decay);
        const auto is_hidden_layer = [&](const std::string& name) {
            return std::ranges::find(inner, name) != inner.end();
        };
        return std::make_unique<Muon>(weights, is_hidden_layer, settings);
    });
}

void clip_grad_norm(verify::Run& run) {
    io::expect_only_keys(run.config(), {"max_norm", "gradients"}, "config");
    Weights gradients;
    for (const auto& name : io::get<std::vector<std::string>>(run.config(), "gradients"))
        gradients[name] = run.in(name);
    const double norm = gradient_norm(gradients);
    for (const auto& [name, g] :
         clipped(gradients, norm, io::get<double>(run.config(), "max_norm")))
        run.out(name, g);
    run.out("norm", Tensor::scalar(static_cast<float>(norm)));
}

// ---- low-rank changes

/// The layer of a part with its change on top, on the part's own input.
Tensor changed_layer(const verify::Run& run, const std::string& name, const Json& part) {
    io::expect_only_keys(part, {"class", "in", "out", "kernel", "rank", "alpha"}, name);
    const auto kind = io::get<std::string>(part, "class");
    const auto in = io::get<std::int64_t>(part, "in"), out = io::get<std::int64_t>(part, "out"),
               rank = io::get<std::int64_t>(part, "rank");
    const int kernel = io::get_or(part, "kernel", 1);
    expect(kind == "Linear" || kind == "Conv2d",
           fmt::format("'class' is '{}', expected Linear or Conv2d", kind));
    const bool conv = kind == "Conv2d";
    const auto shape = [&](std::int64_t rows, std::int64_t columns, int k) {
        return conv ? Shape{rows, columns, k, k} : Shape{rows, columns};
    };
    const nn::Params params = run.params() / name;
    const LoraLayer layer{.down = params.get("lora_down.weight", shape(rank, in, kernel)),
                          .up = params.get("lora_up.weight", shape(out, rank, 1)),
                          .alpha = io::get<float>(part, "alpha")};
    nn::Checkpoint changed;
    add_weights({{"weight", params.get("weight", shape(out, in, kernel))}}, {{"weight", layer}},
                changed);
    if (!conv) return nn::Linear(changed.root(), in, out, nn::Bias::no)(run.in(name));
    const nn::Conv2dShape conv_shape{
        .kernel = kernel, .padding = ops::Padding::all(kernel / 2), .bias = nn::Bias::no};
    return nn::Conv2d(changed.root(), in, out, conv_shape)(run.in(name));
}

void lora(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "config");
    const auto parts = io::get<Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) run.out(name, changed_layer(run, name, part));
}

// ---- all of it

/// One batch of a training step.
struct Batch {
    Tensor x, noise, t, context;

    Batch(const verify::Run& run, std::int64_t step)
        : x(entry(run.in("x"), step)), noise(entry(run.in("noise"), step)) {
        // [steps, N] int32
        const Tensor times = ops::to(run.in("t"), Device::cpu);
        const std::int64_t n = times.dim(1);
        t = ops::to(Tensor::ints({n}, {times.ints() + step * n, static_cast<std::size_t>(n)}),
                    x.device());
        if (const Tensor words = run.find_in("ctx")) context = entry(words, step);
    }
};

//! [steps]
void train_latent_diffusion(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(
        config,
        {"unet", "schedule", "loss_type", "lr", "steps", "adam", "ema_decay", "lr_schedule"},
        "config");
    const unet::Config unet_config = unet::Config::from_json(io::get<Json>(config, "unet"));
    const ddpm::Schedule schedule(ddpm::Schedule::from_json(io::get<Json>(config, "schedule")));
    const ddpm::LossConfig loss_config = ddpm::loss_config_from_json(only(config, {"loss_type"}));
    const auto rate_config = io::get<Json>(config, "lr_schedule");
    const ddpm::LearningRate multiplier = ddpm::learning_rate_from_json(
        io::get<std::string>(rate_config, "class"), io::get<Json>(rate_config, "args"));

    std::optional<unet::UNetModel> unet;
    Weights weights =
        weights_of([&](const nn::Params& p) { unet.emplace(p / "diffusion_model", unet_config); },
                   copied_from(run.params()));
    Adam optimizer(weights, Adam::Config::adam_w(io::get<Json>(config, "adam")));
    ddpm::LitEma average(weights, io::get<float>(config, "ema_decay"));

    std::vector<Tensor> losses, norms;
    std::vector<double> rates;
    for (int step = 0; step < io::get<int>(config, "steps"); ++step) {
        const Batch batch(run, step);
        rates.push_back(io::get<double>(config, "lr") * multiplier(step));

        Tape tape;
        watch(tape, weights);
        const auto model = [&](const Tensor& x, const Tensor& t) {
            return (*unet)(x, t, batch.context);
        };
        const Tensor loss =
            ddpm::p_losses(schedule, loss_config, model, batch.x, batch.t, batch.noise).loss;
        const Weights gradients = gradients_of(tape.backward(loss), weights);

        losses.push_back(loss);
        norms.push_back(Tensor::scalar(static_cast<float>(gradient_norm(gradients))));
        optimizer.step(gradients, rates.back());
        average.update(weights);
    }
    run.out("loss", stack(losses));
    run.out("grad_norm", stack(norms));
    run.out("lr", {static_cast<std::int64_t>(rates.size())}, rates);

    const Batch first(run, 0);
    run.out("out_after", (*unet)(first.x, first.t, first.context));
    average.copy_to(weights);
    run.out("out_after_ema", (*unet)(first.x, first.t, first.context));
}
//! [steps]

}  // namespace

void register_training(verify::Registry& registry) {
    registry["Adam"] = adam<Adam::Config::adam>;
    registry["AdamW"] = adam<Adam::Config::adam_w>;
    registry["Muon"] = muon;
    registry["ClipGradNorm"] = clip_grad_norm;
    registry["LoRA"] = lora;
    registry["TrainLatentDiffusion"] = train_latent_diffusion;
}

}  // namespace ldm::train
