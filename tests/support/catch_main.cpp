// Catch2 version 3 brings its own main in Catch2WithMain; version 2 compiles it here, once.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
