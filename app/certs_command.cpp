#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include "actors/cluster/link/certificate_files.hpp"
#include "actors/cluster/link/fingerprint.hpp"
#include "app/command_line.hpp"

namespace troupe {

namespace {

constexpr auto authority_stem = "ca";

struct authority_options {
  std::string name = "Troupe development CA";
  std::string out = ".";
  unsigned days = 3650;
  bool force = false;
};

struct node_options {
  std::string name;
  links::alternative_names more;
  std::string authority; ///< folder; empty: `out`
  std::string out = ".";
  unsigned days = 365;
  bool force = false;
};

exit_code write(const std::string& folder, const std::string& stem,
                const links::certified_key& made, bool force) {
  auto print = links::fingerprint_of(made.certificate);
  if (!print) return give_up(print.error());
  auto paths = links::paths_in(folder, stem);
  if (auto written = links::write_files(paths, made, force); !written) {
    auto hint = written.error().code == errc::precondition_failed ? "; --force overwrites it" : "";
    return give_up(exit_code::cannot_create, written.error().detail + hint);
  }
  std::printf("certificate  %s\nkey          %s\nSHA-256      %s\n", paths.certificate.c_str(),
              paths.key.c_str(), links::to_string(*print).c_str());
  return std::fflush(stdout) == 0 ? exit_code::ok : exit_code::cannot_create;
}

exit_code make_authority(const authority_options& options) {
  auto made = links::make_authority(options.name,
                                    links::valid_for(std::chrono::days{options.days}));
  if (!made) return give_up(made.error());
  return write(options.out, authority_stem, *made, options.force);
}

exit_code make_node(const node_options& options) {
  if (options.name == authority_stem)
    return give_up(exit_code::usage,
                   "a node may not be called ca: these are the authority's files");
  auto paths = links::paths_in(options.authority.empty() ? options.out : options.authority,
                               authority_stem);
  auto certificate = links::read_pem(paths.certificate);
  if (!certificate)
    return give_up(exit_code::no_input,
                   certificate.error().detail + "; `troupe certs ca` makes one");
  auto key = links::read_pem(paths.key);
  if (!key) return give_up(exit_code::no_input, key.error().detail);
  auto made = links::make_node_certificate({*certificate, *key}, options.name, options.more,
                                           links::valid_for(std::chrono::days{options.days}));
  if (!made && made.error().code == errc::precondition_failed)
    return give_up(exit_code::no_input, paths.certificate.string() + ": " + made.error().detail);
  if (!made) return give_up(made.error());
  return write(options.out, options.name, *made, options.force);
}

template <class Options>
void add_common(CLI::App& command, Options& options) {
  command.add_option("--days", options.days, "How long it is valid, from now")
    ->check(CLI::Range(1, 36500))
    ->capture_default_str();
  command.add_option("--out", options.out, "Folder for the files; made if need be")
    ->type_name("DIR")
    ->capture_default_str();
  command.add_flag("--force", options.force, "Overwrites files");
}

} // namespace

void add_certs_command(CLI::App& root, command_line& line) {
  auto certs = root.add_subcommand(
    "certs", "Makes certificates for the links between nodes, for development and tests");
  certs->require_subcommand(1);
  certs->footer("Examples:\n"
                "  troupe certs ca --out certs\n"
                "  troupe certs node node-1 --dns node-1.troupe.svc --ip 10.0.0.1 --out certs");

  auto authority = std::make_shared<authority_options>();
  auto ca = line.add(*certs, "ca",
                     "Makes an authority, which certifies nodes: DIR/ca.crt and DIR/ca.key; prints "
                     "the certificate's SHA-256 fingerprint. Nodes need only ca.crt",
                     "  troupe certs ca\n"
                     "  troupe certs ca --days 30 --out certs",
                     [authority] { return make_authority(*authority); });
  ca->add_option("--name", authority->name, "What the certificate calls it")->capture_default_str();
  add_common(*ca, *authority);

  auto options = std::make_shared<node_options>();
  auto node = line.add(*certs, "node",
                       "Makes a node's certificate: DIR/NAME.crt and DIR/NAME.key; prints its "
                       "SHA-256 fingerprint",
                       "  troupe certs node node-1 --out certs\n"
                       "  troupe certs node node-1 --dns node-1.troupe.svc --ip 10.0.0.1 --ip ::1",
                       [options] { return make_node(*options); });
  node->add_option("NAME", options->name, "The node's name; host name of the certificate, too")
    ->required();
  node->add_option("--dns", options->more.dns, "One more host name; may be repeated")
    ->type_name("NAME")
    ->allow_extra_args(false);
  node->add_option("--ip", options->more.addresses, "An IP address; may be repeated")
    ->type_name("ADDRESS")
    ->allow_extra_args(false);
  node->add_option("--ca", options->authority, "Folder of ca.crt and ca.key; else that of --out")
    ->type_name("DIR");
  add_common(*node, *options);
}

} // namespace troupe
