#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/10_samplers/disagreements.h"
#include "chapters/10_samplers/figures.h"
#include "common/report/chapter_program.h"
#include "common/report/progress.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

namespace {

using namespace ldm;
using namespace ldm::samplers;

std::string measured_order(const Errors& errors) { return fmt::format("{:.2f}", errors.order()); }

/// The orders of all solvers, measured. Returns the errors for the mixture.
std::vector<Measured> print_orders() {
    std::vector<Measured> measured;
    report::Table table({"solver", "calls a step", "order", "normal", "mixture"});
    for (const MeasuredSolver& solver : measured_solvers()) {
        const Errors normal = measure(solver, normal_data()),
                     mixture = measure(solver, mixture_data());
        table.add({solver.name, fmt::format("{}", solver.calls), fmt::format("{:g}", solver.order),
                   measured_order(normal), measured_order(mixture)});
        measured.push_back({solver, mixture});
    }
    fmt::print("The orders of the solvers, for normal data and for a mixture:\n{}\n", table.text());
    return measured;
}

/// What it costs that the first steps have nothing to look back at.
void print_starts() {
    report::Table table({"solver", "short first steps", "even steps"});
    for (const char* name : {"LMS 4", "DEIS 3", "DPM-Solver++ 3M, mended"}) {
        const MeasuredSolver& solver = measured_solver(name);
        table.add({name, measured_order(measure(solver, mixture_data(), Spacing::small_first)),
                   measured_order(measure(solver, mixture_data(), Spacing::even))});
    }
    fmt::print("The order where the first steps are short, and where they are not:\n{}\n",
               table.text());
}

void print_strong_orders() {
    report::Table table({"steps", "euler_a", "dpm++sde", "dpm++2m_sde", "dpm++3m_sde"});
    std::vector<Errors> all;
    for (const char* name : {"euler_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"})
        all.push_back(measure_strong(name, normal_data()));
    std::vector<std::string> orders = {"order"};
    for (const Errors& errors : all) orders.push_back(measured_order(errors));
    for (std::size_t i = 0; i < all[0].calls.size(); ++i) {
        std::vector<std::string> row = {fmt::format("{}", all[0].calls[i])};
        for (const Errors& errors : all) row.push_back(fmt::format("{:.4f}", errors.errors[i]));
        table.add(row);
    }
    table.add(orders);
    fmt::print("Errors of stochastic samplers that follow one Brownian motion:\n{}\n",
               table.text());
}

figures::Canvas draw_samplers(const report::ChapterArguments& arguments,
                              const std::string& prompt) {
    pipeline::OpenedModel opened = pipeline::open_model(arguments.model);
    opened.source.use({.device = arguments.device});
    const pipeline::LatentDiffusion model(std::move(opened));
    const SamplersFigure figure{prompt, arguments.seed};
    report::Progress progress("drawing", samplers_figure_steps());
    return samplers_figure(model, figure, [&] { progress.step(); });
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string prompt = "grinning cat";
    return report::ChapterProgram("10_samplers",
                                  "How fast solvers converge, what every sampler draws, and where "
                                  "programs disagree.")
        .option("--prompt", prompt, "What to draw")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const std::vector<Measured> measured = print_orders();
            print_starts();
            print_strong_orders();
            fmt::print("Where programs disagree, and how far apart the results are:\n{}\n",
                       text_of(disagreements()));
            arguments.save("10_samplers_convergence.png", convergence_figure(measured));
            arguments.save("10_samplers.png", draw_samplers(arguments, prompt));
        });
}
