#pragma once

#include "common/nn/params.h"

namespace ldm::train {

/// Whether a network is being trained or used: a batch norm does not do the same in both.
enum class Mode { train, eval };

/// Levels every channel (torch.nn.BatchNorm2d; see ops::batch_norm). In training by the moments of
/// the batch, which it also remembers:
///
///     running <- 0.9 running + 0.1 moment of the batch
///
/// with the unbiased variance (the sum of squares divided by one less than their count). In use by
/// what it remembers, so that a picture's score does not depend on the others in the batch.
///
/// x [N, channels, H, W]. Keys weight, bias, running_mean, running_var; num_batches_tracked, which
/// nothing depends on, is counted where a checkpoint has it.
class BatchNorm2d {
public:
    BatchNorm2d(const nn::Params& weights, int channels);

    /// Changes the running moments in training, in the memory they share with the checkpoint.
    Tensor operator()(const Tensor& x, Mode mode);

private:
    void remember(const Tensor& mean, const Tensor& variance, std::int64_t count);

    std::string path_;
    Tensor weight_, bias_;
    Tensor running_mean_, running_var_;
    // or empty
    Tensor batches_;
};

}  // namespace ldm::train
