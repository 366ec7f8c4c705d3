#pragma once

#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/ops/cudnn_use.h"
#include "common/ops/precision.h"
#include "common/tensor/tensor.h"

namespace ldm::pipeline {

struct BenchOptions {
    /// the networks to time
    std::vector<std::string> parts = {"clip", "unet", "vae"};
    /// pixels per side of the picture, a multiple of 64
    int size = 512;
    /// timed runs after one warm-up (two on a GPU); less than 1 counts as 1
    int repeats = 5;
    /// processor threads; 0: all
    int threads = 0;
    ops::Precision precision = ops::Precision::f32;
    Device device = Device::cpu;
    /// type of weights and activations; other than f32 only on a GPU
    DType dtype = DType::f32;
    /// what goes through cuDNN on a GPU
    ops::CudnnUse cudnn;
    /// latents in one call of the UNet (two for each picture with guidance) and of the VAE
    int batch = 1;
};

/// Times the three networks of Stable Diffusion 1.x at their real size, with weights by recipe:
/// the text encoder on 77 tokens, one step of the UNet, one decoding of the VAE.
///
/// {"device", "threads", "precision", "dtype", "cudnn", "batch", "size", "repeats", "sgemm_gflops",
/// "parts": [{"part", "seconds", "cpu_seconds", "gflop", "gflops", "share_of_sgemm",
/// "peak_memory_mb", "convolutions_through_cudnn", "attentions_through_cudnn"}]}
///
/// Times are medians: seconds by the clock (of a GPU by its own, between two events), cpu_seconds
/// added up over the processor's threads, so that they also mean something on a busy machine; 0 on
/// a GPU. gflop counts as ops::FlopCounter does. sgemm_gflops is the best of ten square matrix
/// products in `dtype` and Precision::f32, whatever `precision` is; a share above 1 is possible
/// where an algorithm needs fewer multiplications than the textbook's, or with bf16. peak_memory_mb
/// is in MiB. The calls through cuDNN do not count those of a replayed CUDA graph.
///
/// Throws an Error for an unknown part, a size that is no multiple of 64, a device that cannot be
/// used, and another dtype than f32 on a CPU, all before anything is timed.
io::Json bench(const BenchOptions& options);

/// The same as a table to read.
std::string bench_table(const io::Json& report);

/// Numbers by recipe (random::procgen_fill): the same for a name everywhere.
Tensor recipe_numbers(const std::string& name, const Shape& shape, double mean, double std);

/// Weights that keep the size of what goes through them: norms near 1, others by their fan-in. For
/// Checkpoint::add_fallback().
Tensor recipe_weights(const std::string& name, const Shape& shape);

}  // namespace ldm::pipeline
