#pragma once

#include <string>

namespace ldm {

/// Where the numbers of a tensor lie, and so who computes with them.
enum class Device { cpu, cuda };

/// "cpu" or "cuda"; another name is an Error.
Device device_from(const std::string& name);
std::string name_of(Device device);

/// An Error that says why when this program cannot compute there: built without CUDA, or no GPU
/// found.
void expect_usable(Device device);

/// "NVIDIA H200, 143771 MiB" or "CPU, 16 threads". Throws as expect_usable().
std::string describe(Device device);

}  // namespace ldm
