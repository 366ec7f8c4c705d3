#include <fmt/format.h>

#include "chapters/02_vae/figures.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

using namespace ldm;

namespace {

void run(const report::ChapterArguments& arguments) {
    const nn::ModelSource model = nn::open_folder(arguments.model, arguments.device);
    const vae::AutoencoderKL autoencoder = vae::load_autoencoder(model);
    model.check();

    std::vector<vae::RoundTrip> trips;
    report::Table table({"picture", "PSNR (dB)", "latent mean", "latent std", "posterior std"});
    for (const image::Example& example : image::choose_examples(
             arguments.model,
             {"grinning_cat", "hot_beverage", "rainbow", "rocket", "tropical_fish"})) {
        trips.push_back(vae::round_trip(autoencoder, example, model.device()));
        const vae::RoundTrip& trip = trips.back();
        const auto [mean, std] = vae::mean_and_std(trip.latent);
        table.add({trip.caption,
                   fmt::format("{:.1f}", vae::psnr(trip.picture, trip.reconstruction)),
                   fmt::format("{:.2f}", mean), fmt::format("{:.2f}", std),
                   fmt::format("{:.3f}", trip.posterior_std)});
    }

    const auto& shape = trips.front().latent.shape();
    fmt::print("A picture of {} becomes a latent of {}: 1 number for {}.\n\n{}\n",
               to_string(trips.front().picture.shape()), to_string(shape),
               trips.front().picture.size() / trips.front().latent.size(), table.text());
    arguments.save("02_vae.png", vae::reconstruction_figure(trips));
    arguments.save("02_vae_traversal.png",
                   vae::latent_traversal_figure(autoencoder, trips.front()));
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    return report::ChapterProgram("02_vae", "Pictures as few numbers, and back.")
        .run(argc, argv, run);
}
