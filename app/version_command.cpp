#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "app/command_line.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace troupe {

void add_version_command(CLI::App& root, command_line& line) {
  auto json = std::make_shared<bool>(false);
  auto command = line.add(
    root, "version", "Prints the version, the commit, the compiler and the libraries",
    "  troupe version\n  troupe version --json", [json] {
      if (*json) {
        auto text = "{\"version\": " + in_quotes(version()) +
                    ", \"commit\": " + in_quotes(build_commit()) +
                    ", \"compiler\": " + in_quotes(build_compiler()) +
                    ", \"libraries\": " + in_quotes(build_libraries()) + "}";
        std::puts(text.c_str());
      } else {
        std::printf("troupe %s\ncommit %s\ncompiler %s\nlibraries %s\n", version().data(),
                    build_commit().data(), build_compiler().data(), build_libraries().data());
      }
      return exit_code::ok;
    });
  command->add_flag("--json", *json, "As JSON");
}

} // namespace troupe
