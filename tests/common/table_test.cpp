#include "common/report/table.h"

#include "common/error.h"
#include "tests/support/catch.h"

using ldm::report::Table;

TEST_CASE("table: columns line up, numbers to the right") {
    Table table({"block", "seconds"});
    table.add({"conv_in", "0.5"});
    table.add({"caf\u00E9", "12.25"});
    CHECK(table.text() ==
          "block    seconds\n"
          "-------  -------\n"
          "conv_in      0.5\n"
          "caf\u00E9       12.25\n");
    CHECK(table.markdown() ==
          "| block   | seconds |\n"
          "|---------|--------:|\n"
          "| conv_in |     0.5 |\n"
          "| caf\u00E9    |   12.25 |\n");
    CHECK_THROWS_AS(table.add({"one cell"}), ldm::Error);
}
