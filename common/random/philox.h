#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace ldm::random {

/// Philox4x32 with 10 rounds: turns a counter of 128 bits into 128 random bits, for a key of 64.
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (Random123), 2011.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// The stream of PyTorch's CUDA generator, for seeds of programs that draw their noise on the GPU.
///
///     PhiloxGenerator noise(42);       // torch.manual_seed(42)
///     noise.normal(values);            // torch.randn(values.size(), device="cuda")
///
/// Value i comes from the counter (call, 0, i, 0) by Box-Muller on its first two words. That is
/// what PyTorch does while a tensor has no more values than the GPU runs threads at once
/// (multiprocessors times 1536 or 2048: above 80,000 on every card of the last years, 65,536 are a
/// batch of four latents of 512x512). CUDA's fast sine and cosine may differ from ours in the last
/// bits.
class PhiloxGenerator {
public:
    explicit PhiloxGenerator(std::uint64_t seed);

    /// Standard normal numbers; every call opens a new part of the stream.
    void normal(std::span<float> values);

    /// Everything that decides the numbers to come, as text. restore() goes on from there, to the
    /// last bit, and throws an Error for anything that state() has not written.
    std::string state() const;
    void restore(const std::string& state);

private:
    std::array<std::uint32_t, 2> key_;
    std::uint32_t call_ = 0;
};

}  // namespace ldm::random
