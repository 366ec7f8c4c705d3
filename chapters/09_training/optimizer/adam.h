#pragma once

#include "chapters/09_training/optimizer/optimizer.h"
#include "common/io/json.h"

namespace ldm::train {

/// Adam (Kingma and Ba, 2014) and AdamW, with decoupled weight decay (Loshchilov and Hutter, 2017):
/// each number takes steps of about the learning rate while its gradients agree, and smaller ones
/// while they contradict each other. Equations: common/ops/optimizer_step.h. The defaults are those
/// of torch.optim.
class Adam : public Optimizer {
public:
    struct Config {
        double beta1 = 0.9, beta2 = 0.999;
        double eps = 1e-8;
        double weight_decay = 0.0;
        bool decoupled_weight_decay = false;

        /// The keys of PyTorch's constructors but `lr`: betas, eps, weight_decay. A weight decay
        /// that is not mentioned is 0 for Adam, 0.01 for AdamW.
        static Config adam(const io::Json& json = io::Json::object());
        static Config adam_w(const io::Json& json = io::Json::object());
    };

    Adam(Weights weights, const Config& config);

    void step(const Weights& gradients, double learning_rate) override;

    /// `exp_avg.NAME`, `exp_avg_sq.NAME` for each weight, and step.
    Weights state() override;

private:
    Config config_;
    Weights weights_, exp_avg_, exp_avg_sq_;
    // int32 []
    Tensor step_;
};

}  // namespace ldm::train
