#include "common/io/data_path.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/text/clip_merges.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace {

/// LDM_DATA has this value, or none, while it lives.
class WithDataFolder {
public:
    explicit WithDataFolder(const char* folder) {
        if (const char* value = std::getenv("LDM_DATA")) previous_ = value;
        set(folder);
    }
    ~WithDataFolder() { set(previous_ ? previous_->c_str() : nullptr); }
    WithDataFolder(const WithDataFolder&) = delete;
    WithDataFolder& operator=(const WithDataFolder&) = delete;

private:
    static void set(const char* folder) {
        if (folder)
            ::setenv("LDM_DATA", folder, 1);
        else
            ::unsetenv("LDM_DATA");
    }
    std::optional<std::string> previous_;
};

}  // namespace

TEST_CASE("data: the project's files are found, others are named") {
    const WithDataFolder nowhere_else(nullptr);
    CHECK(std::filesystem::exists(ldm::io::data_path("models/emoji/config.json")));
    CHECK_THROWS_WITH(ldm::io::data_path("no/such/file"),
                      ldm::test::has_text("no/such/file") && ldm::test::has_text("LDM_DATA"));
}

TEST_CASE("data: LDM_DATA names the only folder that counts") {
    const ldm::test::TemporaryFolder folder;
    const WithDataFolder chosen(folder.path().c_str());
    CHECK_THROWS_WITH(ldm::io::data_path("models/emoji"),
                      ldm::test::has_text(folder.path().string()));
    std::filesystem::create_directories(folder / "models/emoji");
    CHECK(ldm::io::data_path("models/emoji") == folder / "models/emoji");
}

TEST_CASE("data: CLIP's vocabulary is part of the program") {
    CHECK(ldm::text::clip_merges() ==
          ldm::io::read_text_file(LDM_SOURCE_DIR "/reference_data/clip_bpe/merges.txt"));
}
