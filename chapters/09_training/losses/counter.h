#pragma once

#include "common/tensor/tensor.h"

namespace ldm::train {

/// A count or a flag that a checkpoint keeps among its weights: num_batches_tracked, initialized.
/// One int32, or one float32 in files that know no integers; on any device.
int read_counter(const Tensor& counter);

/// Writes over it, in the memory it shares with the checkpoint.
void write_counter(Tensor& counter, int count);

}  // namespace ldm::train
