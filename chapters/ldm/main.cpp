#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "chapters/ldm/commands.h"
#include "chapters/ldm/explain_usage.h"
#include "chapters/ldm/help_formatter.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/report/interrupt.h"
#include "common/report/spinning.h"
#include "common/report/standard_output.h"

namespace {

int run(int argc, char** argv) {
    CLI::App app("Stable Diffusion, step by step, in C++.", "ldm");
    app.require_subcommand(1);
    app.formatter(ldm::program::help_formatter());
    app.set_help_all_flag("--help-all", "Print the help of every command and exit");
    app.set_version_flag("--version", "ldm " LDM_VERSION, "Print the version and exit");
    int status = 0;
    ldm::program::add_txt2img(app, status);
    ldm::program::add_img2img(app, status);
    ldm::program::add_inpaint(app, status);
    ldm::program::add_upscale(app, status);
    ldm::program::add_verify(app, status);
    ldm::program::add_inspect(app, status);
    ldm::program::add_bench(app, status);
    ldm::program::add_train(app, status);
    ldm::program::add_index(app, status);
    ldm::program::add_search(app, status);
    ldm::program::add_completion(app, status);
    ldm::program::add_man(app, LDM_VERSION, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& wish) {
        // --help, --version
        return app.exit(wish);
    } catch (const CLI::ParseError& error) {
        fmt::print(stderr, "ldm: {}\nRun with --help for more information.\n",
                   ldm::text::printable_lines(ldm::program::explain_usage(app, error)));
        return 2;
    } catch (const ldm::report::Interrupted&) {
        fmt::print(stderr, "\nstopped\n");
        return ldm::report::interrupted_status;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "ldm: not enough memory\n");
        return 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "ldm: {}\n", ldm::text::printable_lines(error.what()));
        return 1;
    }
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    ldm::report::limit_spinning(argv);
    return ldm::report::finish_output("ldm", run(argc, argv));
}
