#pragma once

#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/ops/cudnn_use.h"
#include "common/ops/precision.h"
#include "common/tensor/tensor.h"

namespace ldm::pipeline {

struct BenchOptions {
    // which to time
    std::vector<std::string> parts = {"clip", "unet", "vae"};
    // of the picture, a multiple of 64
    int size = 512;
    // after one that is not counted
    int repeats = 5;
    // 0: all
    int threads = 0;
    ops::Precision precision = ops::Precision::f32;
    Device device = Device::cpu;
    // on a GPU: of weights and everything between them
    DType dtype = DType::f32;
    // on a GPU
    ops::CudnnUse cudnn;
    // latents of the UNet (two for each picture that is drawn with guidance) and of the VAE
    int batch = 1;
};

/// Times the three networks of Stable Diffusion 1.x at their real size, with weights by recipe:
/// the text tower on 77 tokens, one step of the UNet, one decoding of the VAE.
///
/// {"device", "threads", "precision", "dtype", "cudnn", "batch", "size", "repeats", "sgemm_gflops",
/// "parts": [{"part", "seconds", "cpu_seconds", "gflop", "gflops", "share_of_sgemm",
/// "peak_memory_mb", "convolutions_through_cudnn", "attentions_through_cudnn"}]}: medians;
/// cpu_seconds are added up over the threads and mean something on a busy machine too (a GPU's
/// seconds are its own, between two events); sgemm is a square matrix product of the same program,
/// the speed that is to be had; a share above 1 is possible where an algorithm needs fewer
/// multiplications. What went through cuDNN did so while a graph was not yet replayed. Throws for
/// an unknown part or a size that is no multiple of 64.
io::Json bench(const BenchOptions& options);

/// The same as a table to read.
std::string bench_table(const io::Json& report);

}  // namespace ldm::pipeline
