#include <CLI/CLI.hpp>

#include <array>
#include <cctype>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "app/command_line.hpp"
#include "app/http/http_client.hpp"
#include "gateway/routes/provider_views.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
namespace views = gateway::views;
using verb = http_client::verb;

constexpr auto request_limit = 30s;

struct provider_options {
  std::string url = "http://127.0.0.1:8000";
  std::string ca_file;
  std::string username;
  std::string password;
  bool json = false;
  std::string id;
  views::new_provider fresh;
  bool resume = false;
};

/// What the API's token endpoint answers, as far as it matters here.
struct connection {
  http_client client;
  std::string token;
};

failure problem_in(const http_answer& answer) {
  return {errc::invalid_field,
          "the API answered " + std::to_string(answer.status) + ": " + answer.body,
          {},
          {}};
}

result<http_answer> send(connection& to, verb method, std::string target, std::string body = {}) {
  auto answer = to.client.send(
    {.method = method, .target = std::move(target), .token = to.token, .body = std::move(body)},
    request_limit);
  if (!answer) return fail(errc::storage_unavailable, "no answer: " + answer.error().why);
  if (answer->status >= 300) return std::unexpected(problem_in(*answer));
  return std::move(*answer);
}

std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else {
      std::array<char, 4> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned char>(c));
      out += escaped.data();
    }
  }
  return out;
}

result<connection> log_in(const provider_options& options) {
  auto client = http_client::make(options.url, options.ca_file);
  if (!client) return std::unexpected(std::move(client.error()));
  auto answer = client->send(
    {.method = verb::post,
     .target = "/v1/auth/token",
     .body = "grant_type=password&username=" + form_encoded(options.username) +
             "&password=" + form_encoded(options.password),
     .content_type = "application/x-www-form-urlencoded"},
    request_limit);
  if (!answer)
    return fail(errc::storage_unavailable, options.url + " does not answer: " + answer.error().why);
  if (answer->status != 200) return std::unexpected(problem_in(*answer));
  auto pair = from_json<views::token_pair>(answer->body);
  if (!pair) return std::unexpected(std::move(pair.error()));
  return connection{std::move(*client), std::move(pair->access_token)};
}

void print(const views::provider& one) {
  std::printf("%s  %-24s  %5us  %-8s  %-9s  %6lld  %6lld  %s\n", to_string(one.id).c_str(),
              one.name.c_str(), one.interval_s, one.paused ? "paused" : "active",
              one.fetch.circuit.c_str(), static_cast<long long>(one.fetch.events),
              static_cast<long long>(one.fetch.rejected),
              one.fetch.failure        ? one.fetch.failure->c_str()
              : one.fetch.succeeded_at ? to_string(*one.fetch.succeeded_at).c_str()
                                       : "never fetched");
}

exit_code list(const provider_options& options) {
  auto to = log_in(options);
  if (!to) return give_up(to.error());
  std::string cursor;
  if (!options.json)
    std::printf("%-36s  %-24s  %6s  %-8s  %-9s  %6s  %6s  %s\n", "id", "name", "every", "state",
                "circuit", "events", "bad", "last success or failure");
  do {
    auto answer = send(*to, verb::get, "/v1/providers?limit=100" + cursor);
    if (!answer) return give_up(answer.error());
    if (options.json) std::printf("%s\n", answer->body.c_str());
    auto page = from_json<views::provider_page>(answer->body);
    if (!page) return give_up(page.error());
    if (!options.json)
      for (const auto& one : page->items) print(one);
    cursor = page->next ? "&cursor=" + *page->next : std::string{};
  } while (!cursor.empty());
  return exit_code::ok;
}

exit_code change(const provider_options& options, verb method, const std::string& target,
                 std::string body) {
  auto to = log_in(options);
  if (!to) return give_up(to.error());
  auto answer = send(*to, method, target, std::move(body));
  if (!answer) return give_up(answer.error());
  std::printf("%s\n", answer->body.c_str());
  return exit_code::ok;
}

/// To standard output, piece by piece.
exit_code print_answer(const provider_options& options) {
  auto to = log_in(options);
  if (!to) return give_up(to.error());
  const auto target = "/v1/providers/" + options.id + "/answer?piece=";
  for (int piece = 0;; ++piece) {
    auto answer = to->client.send(
      {.method = verb::get, .target = target + std::to_string(piece), .token = to->token},
      request_limit);
    if (!answer)
      return give_up({errc::storage_unavailable, "no answer: " + answer.error().why, {}, {}});
    if (answer->status == 404 && piece > 0) return exit_code::ok;
    if (answer->status != 200) return give_up(problem_in(*answer));
    if (std::fwrite(answer->body.data(), 1, answer->body.size(), stdout) != answer->body.size())
      return give_up({errc::internal, "standard output takes no more", {}, {}});
  }
}

} // namespace

void add_providers_command(CLI::App& root, command_line& line) {
  auto providers = root.add_subcommand(
    "providers",
    "Shows, adds and fetches providers of events, through the API of a running cluster");
  providers->require_subcommand(1);
  auto options = std::make_shared<provider_options>();
  providers->add_option("--url", options->url, "Of the public API")
    ->envname("TROUPE_API_URL")
    ->capture_default_str();
  providers
    ->add_option("--ca-file", options->ca_file,
                 "PEM of the authorities to trust for https; the system's else")
    ->envname("TROUPE_API_CA_FILE")
    ->check(CLI::ExistingFile);
  providers->add_option("--username", options->username, "Of an operator")
    ->envname("TROUPE_API_USERNAME")
    ->required();
  providers->add_option("--password", options->password, "Better by TROUPE_API_PASSWORD")
    ->envname("TROUPE_API_PASSWORD")
    ->required();
  auto listing = line.add(*providers, "list", "Lists providers and how their last fetches went",
                          "  troupe providers --username ops list\n"
                          "  troupe providers --username ops list --json",
                          [options] { return list(*options); });
  listing->add_flag("--json", options->json, "As JSON, for scripts");

  auto adding = line.add(
    *providers, "add", "Adds a provider; it is fetched at once and then at its interval",
    "  troupe providers --username ops add --name 'City halls' --feed https://halls.example/events \\\n"
    "    --every 60 --zone Europe/Madrid",
    [options] {
      std::string body;
      to_json(options->fresh, body);
      return change(*options, verb::post, "/v1/providers", std::move(body));
    });
  adding->add_option("--name", options->fresh.name, "For people and metrics")->required();
  adding->add_option("--feed", options->fresh.url, "Where its feed is")->required();
  adding->add_option("--format", options->fresh.format,
                     "eventList or planList; told by the feed else");
  adding->add_option("--every", options->fresh.interval_s, "Seconds between two fetches");
  adding->add_option("--zone", options->fresh.time_zone, "IANA's zone of the feed's local times");

  auto fetching = line.add(
    *providers, "fetch", "Fetches a provider now and prints what came of it",
    "  troupe providers --username ops fetch 0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01", [options] {
      return change(*options, verb::post, "/v1/providers/" + options->id + "/fetch", {});
    });
  auto pausing = line.add(
    *providers, "pause", "Fetches a provider no more by itself; --resume does again",
    "  troupe providers --username ops pause 0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01\n"
    "  troupe providers --username ops pause --resume 0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01",
    [options] {
      return change(*options, verb::patch, "/v1/providers/" + options->id,
                    options->resume ? R"({"paused":false})" : R"({"paused":true})");
    });
  pausing->add_flag("--resume", options->resume, "Fetches it again");
  auto showing = line.add(
    *providers, "answer", "Writes the last whole answer of a provider to standard output, as gzip",
    "  troupe providers --username ops answer 0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01 | zcat",
    [options] { return print_answer(*options); });
  for (auto* command : {fetching, pausing, showing})
    command->add_option("id", options->id, "The provider's id, from list")->required();
}

} // namespace troupe
