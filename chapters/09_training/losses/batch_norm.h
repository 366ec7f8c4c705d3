#pragma once

#include "common/nn/params.h"

namespace ldm::train {

/// torch.nn.Module.train() and eval(): a batch norm does not do the same in both.
enum class Mode { train, eval };

/// Normalizes every channel (torch.nn.BatchNorm2d; Ioffe and Szegedy, 2015; see ops::batch_norm).
/// In training by the mean and variance of the batch, which also update the running statistics:
///
///     running <- 0.9 running + 0.1 (mean or variance of the batch)
///
/// with the unbiased variance (the sum of squares divided by one less than their count). In
/// evaluation by the running statistics, so that a picture's logits do not depend on the others in
/// the batch.
///
/// x [N, channels, H, W]. Keys weight, bias, running_mean, running_var; num_batches_tracked, which
/// nothing depends on, is counted where a checkpoint has it.
class BatchNorm2d {
public:
    BatchNorm2d(const nn::Params& weights, int channels);

    /// Updates the running statistics in training, in the memory they share with the checkpoint.
    Tensor operator()(const Tensor& x, Mode mode);

private:
    void update_running_statistics(const Tensor& mean, const Tensor& variance, std::int64_t count);

    std::string path_;
    Tensor weight_, bias_;
    Tensor running_mean_, running_var_;
    // or empty
    Tensor batches_;
};

}  // namespace ldm::train
