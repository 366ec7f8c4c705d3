#include "chapters/ldm/drawing_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "chapters/ldm/grid.h"
#include "chapters/ldm/prompt_line.h"
#include "chapters/ldm/prompts.h"
#include "common/io/utf8.h"

namespace ldm::program {
namespace {

/// Takes what the settings say of an option, which they say no longer.
std::optional<std::string> take(Settings& settings, const std::string& name) {
    const auto found = settings.find(name);
    if (found == settings.end()) return {};
    std::string value = found->second.empty() ? "" : found->second.front();
    settings.erase(found);
    return value;
}

/// Puts pictures into sets.
class Planner {
public:
    Planner(const CLI::App& app, std::shared_ptr<DrawingCommand> command,
            const MakeDrawingCommand& make)
        : base_(settings_of(app)), make_(make), seed_(seed_of(command->options().seed)) {
        // what is not about one picture, and what would be read a second time
        for (const char* name : {"from", "config", "grid", "prompt-file", "batch-size"})
            base_.erase(name);
        sets_of_.emplace(Settings(), 0);
        Drawing drawing = command->drawing();
        plan_.sets.push_back({std::move(command), std::move(drawing), {}});
    }

    /// A picture with the command line's settings, the `number`th of its prompt.
    void add(const std::string& prompt, std::size_t number = 0) {
        add_to(0, prompt, seed_, number);
    }

    /// A picture for which the command line's settings are changed. `where` begins an error.
    void add(Settings changes, const std::string& where) {
        const std::shared_ptr<DrawingCommand> command = changed(changes, where);
        const std::string prompt = command->options().prompt;
        std::uint64_t seed = seed_;
        if (const auto own = take(changes, "seed")) seed = seed_of(*own);
        take(changes, "prompt");
        auto set = sets_of_.find(changes);
        if (set == sets_of_.end()) {
            set = sets_of_.emplace(changes, plan_.sets.size()).first;
            plan_.sets.push_back({command, command->drawing(), {}});
        }
        add_to(set->second, prompt, seed, 0);
    }

    DrawingPlan plan() && { return std::move(plan_); }

private:
    std::shared_ptr<DrawingCommand> changed(const Settings& changes,
                                            const std::string& where) const {
        Settings settings = base_;
        for (const auto& [name, values] : changes) settings[name] = values;
        std::shared_ptr<DrawingCommand> command = make_();
        CLI::App app;
        command->add_options(app);
        try {
            parse(app, settings);
        } catch (const CLI::Error& error) {
            throw Error(fmt::format("{}: {}", where, error.what()));
        }
        expect_text(command->options().prompt, where + ": the prompt");
        return command;
    }

    void add_to(std::size_t set, const std::string& prompt, std::uint64_t first,
                std::size_t number) {
        const std::size_t step = plan_.sets[set].drawing.same_seed ? 0 : number;
        if (first > std::numeric_limits<std::uint64_t>::max() - step)
            throw Error(
                fmt::format("--seed {}: there are no {} seeds from there on", first, number + 1));
        plan_.sets[set].pictures.push_back(plan_.pictures.size());
        plan_.pictures.push_back({prompt, first + step, number});
    }

    Settings base_;
    const MakeDrawingCommand& make_;
    std::uint64_t seed_;
    DrawingPlan plan_;
    // the first is the command line's, without changes
    std::map<Settings, std::size_t> sets_of_;
};

DrawingPlan plan_grid(const CLI::App& app, Planner planner, const DrawingOptions& options) {
    const Grid grid = parse_grid(options.grid, app);
    const GridLabels labels{labels_of(grid.x), labels_of(grid.y)};
    for (std::size_t row = 0; row < grid.rows(); ++row)
        for (std::size_t column = 0; column < grid.columns(); ++column)
            planner.add(
                settings_of_cell(grid, row, column, options.prompt, options.negative_prompt),
                "--grid");
    DrawingPlan plan = std::move(planner).plan();
    plan.grid = labels;
    return plan;
}

DrawingPlan plan_prompts(Planner planner, const DrawingOptions& options,
                         const MakeDrawingCommand& make) {
    const std::vector<std::string> lines = read_prompts(options.prompt_file);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string where = fmt::format("{}, line {}", options.prompt_file, i + 1);
        if (has_options(lines[i]))
            planner.add(settings_of_line(lines[i], make, where), where);
        else
            planner.add(lines[i]);
    }
    return std::move(planner).plan();
}

}  // namespace

DrawingPlan plan_pictures(const CLI::App& app, const std::shared_ptr<DrawingCommand>& command,
                          const MakeDrawingCommand& make) {
    const DrawingOptions& options = command->options();
    expect_text(options.negative_prompt, "the negative prompt");
    Planner planner(app, command, make);
    if (!options.prompt_file.empty()) return plan_prompts(std::move(planner), options, make);
    expect_text(options.prompt, "the prompt");
    if (app.count("--grid") > 0) return plan_grid(app, std::move(planner), options);
    for (int i = 0; i < std::max(options.batch_size, 1); ++i) planner.add(options.prompt, i);
    return std::move(planner).plan();
}

}  // namespace ldm::program
