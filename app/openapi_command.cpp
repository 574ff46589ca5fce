#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/command_line.hpp"
#include "gateway/gateway.hpp"

namespace troupe {

void add_openapi_command(CLI::App& root, command_line& line) {
  line.add(root, "openapi", "Prints the API's document (OpenAPI 3.1, JSON)",
           "  troupe openapi > openapi.json", [] {
             auto text = gateway::openapi_text();
             bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                            std::fflush(stdout) == 0;
             return written ? exit_code::ok
                            : give_up(exit_code::cannot_create, "cannot write the document");
           });
}

} // namespace troupe
