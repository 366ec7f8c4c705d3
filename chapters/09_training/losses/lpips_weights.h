#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/nn/params.h"

namespace ldm::train {

/// Adds the weights of LPIPS to a checkpoint, under `prefix`, from the files that people have
/// (safetensors or torch.save's), in any order:
///
///   features.0.weight …        torchvision's vgg16 (its classifier is left out)
///   lin0.model.1.weight …      taming's vgg.pth, or that of the lpips package
///   net.slice1.0.weight …      taming's LPIPS, complete; also as perceptual_loss.… or
///                              loss.perceptual_loss.… in the checkpoint of an autoencoder
///
/// The two constants of the scaling layer are known where no file has them. Throws an Error that
/// names the files and what is missing, a weight that two files have, or a shape that is not
/// VGG16's.
void add_lpips_weights(nn::Checkpoint& checkpoint, const std::vector<std::filesystem::path>& files,
                       const std::string& prefix = "");

}  // namespace ldm::train
