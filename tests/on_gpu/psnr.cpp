// How like two pictures are, in decibels:
//     psnr [--at-least 45] A.png B.png        exits with 1 when they are less alike than that
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "chapters/02_vae/reconstruction.h"
#include "common/figures/tensor_picture.h"
#include "common/image/png.h"

int main(int argc, char** argv) {
    using namespace ldm;
    CLI::App app(
        "The peak signal-to-noise ratio of two pictures, in decibels; inf for equal ones.");
    std::string a, b;
    double least = 0.0;
    app.add_option("A", a, "A picture")->required();
    app.add_option("B", b, "Another one of the same size")->required();
    app.add_option("--at-least", least, "Exit with 1 when it is less");
    CLI11_PARSE(app, argc, argv);
    try {
        const double decibels = vae::psnr(image::to_tensor(image::load_image(a)),
                                          image::to_tensor(image::load_image(b)));
        fmt::print("{:.1f}\n", decibels);
        return decibels >= least ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "psnr: {}\n", error.what());
        return 2;
    }
}
