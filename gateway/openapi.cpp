#include "gateway/openapi.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include <glaze/json/prettify.hpp>

#include "base/json.hpp"
#include "gateway/problem.hpp"

namespace troupe::gateway {

namespace {

/// Of the API, not of the program: grows when a client could notice.
constexpr std::string_view api_version = "1.0.0";

/// Writes JSON text with its commas.
class writer {
public:
  std::string out;

  writer& key(std::string_view name) {
    comma();
    append_json_string(out, name);
    out += ':';
    fresh_ = true;
    return *this;
  }
  void text(std::string_view value) {
    comma();
    append_json_string(out, value);
  }
  void raw(std::string_view json) {
    comma();
    out.append(json);
  }
  void number(std::int64_t value) { raw(std::to_string(value)); }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void object(const std::function<void()>& fill) { nest('{', '}', fill); }
  void array(const std::function<void()>& fill) { nest('[', ']', fill); }
  void ref(std::string_view where) {
    object([&] { key("$ref").text(where); });
  }

private:
  void comma() {
    if (!fresh_) out += ',';
    fresh_ = false;
  }
  void nest(char open, char close, const std::function<void()>& fill) {
    comma();
    out += open;
    fresh_ = true;
    fill();
    out += close;
    fresh_ = false;
  }

  bool fresh_ = true;
};

/// Whether a type is read or written decides what of it is required.
enum class direction { request, response };

template <class Boxed>
std::int64_t whole(const Boxed& number) {
  return std::visit([](auto v) { return static_cast<std::int64_t>(v); }, *number);
}

std::string schema_ref(const json_shape& shape) { return "#/components/schemas/" + shape.name; }

std::string_view type_of(json_kind kind) {
  switch (kind) {
    case json_kind::boolean: return "boolean";
    case json_kind::integer: return "integer";
    case json_kind::number: return "number";
    case json_kind::list: return "array";
    case json_kind::object: return "object";
    case json_kind::text:
    case json_kind::uuid:
    case json_kind::timestamp: break;
  }
  return "string";
}

bool is_textual(json_kind kind) { return type_of(kind) == "string"; }

void write_example(writer& w, const json_shape& shape, const json_rules* rules);

void write_object_example(writer& w, const json_shape& shape) {
  w.object([&] {
    for (const auto& member : shape.members) {
      bool told = member.rules && member.rules->examples;
      if (!member.required && !told) {
        continue;
      }
      w.key(member.name);
      write_example(w, *member.shape, member.rules);
    }
  });
}

void write_example(writer& w, const json_shape& shape, const json_rules* rules) {
  if (rules && rules->examples && !rules->examples->empty()) {
    if (is_textual(shape.kind))
      w.text(rules->examples->front());
    else
      w.raw(rules->examples->front());
    return;
  }
  switch (shape.kind) {
    case json_kind::boolean: w.boolean(true); break;
    case json_kind::integer:
    case json_kind::number: w.number(1); break;
    case json_kind::text: w.text("text"); break;
    case json_kind::uuid: w.text("0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01"); break;
    case json_kind::timestamp: w.text("2026-03-01T12:30:00.000Z"); break;
    case json_kind::list: w.array([&] { write_example(w, *shape.element, nullptr); }); break;
    case json_kind::object: write_object_example(w, shape); break;
  }
}

void write_rules(writer& w, const json_shape& shape, const json_rules& rules) {
  if (rules.description) w.key("description").text(*rules.description);
  if (rules.minLength) w.key("minLength").number(static_cast<std::int64_t>(*rules.minLength));
  if (rules.maxLength) w.key("maxLength").number(static_cast<std::int64_t>(*rules.maxLength));
  if (rules.pattern) w.key("pattern").text(*rules.pattern);
  if (rules.minimum) w.key("minimum").number(whole(rules.minimum));
  if (rules.maximum) w.key("maximum").number(whole(rules.maximum));
  if (rules.minItems) w.key("minItems").number(static_cast<std::int64_t>(*rules.minItems));
  if (rules.maxItems) w.key("maxItems").number(static_cast<std::int64_t>(*rules.maxItems));
  if (rules.enumeration)
    w.key("enum").array([&] {
      for (auto value : *rules.enumeration) w.text(value);
    });
  if (rules.defaultValue)
    if (const auto* number = std::get_if<std::int64_t>(&*rules.defaultValue))
      w.key("default").number(*number);
  if (rules.examples)
    w.key("examples").array([&] {
      for (auto example : *rules.examples) {
        if (is_textual(shape.kind))
          w.text(example);
        else
          w.raw(example);
      }
    });
}

void write_schema(writer& w, const json_shape& shape, const json_rules* rules, bool nullable) {
  if (shape.kind == json_kind::object) {
    auto reference = [&] { w.key("$ref").text(schema_ref(shape)); };
    if (!nullable) {
      w.object([&] {
        reference();
        if (rules && rules->description) w.key("description").text(*rules->description);
      });
      return;
    }
    w.object([&] {
      w.key("anyOf").array([&] {
        w.object(reference);
        w.object([&] { w.key("type").text("null"); });
      });
      if (rules && rules->description) w.key("description").text(*rules->description);
    });
    return;
  }
  w.object([&] {
    if (nullable)
      w.key("type").array([&] {
        w.text(type_of(shape.kind));
        w.text("null");
      });
    else
      w.key("type").text(type_of(shape.kind));
    if (shape.kind == json_kind::uuid) w.key("format").text("uuid");
    if (shape.kind == json_kind::timestamp) w.key("format").text("date-time");
    if (shape.kind == json_kind::integer && shape.highest > UINT32_MAX)
      w.key("format").text("int64");
    if (shape.kind == json_kind::list) {
      w.key("items");
      write_schema(w, *shape.element, nullptr, false);
    }
    if (rules) write_rules(w, shape, *rules);
  });
}

void write_object_schema(writer& w, const json_shape& shape, direction way) {
  w.object([&] {
    w.key("type").text("object");
    w.key("properties").object([&] {
      for (const auto& member : shape.members) {
        w.key(member.name);
        write_schema(w, *member.shape, member.rules, !member.required);
      }
    });
    w.key("required").array([&] {
      for (const auto& member : shape.members)
        if (member.required || way == direction::response) w.text(member.name);
    });
    if (way == direction::request) w.key("additionalProperties").boolean(false);
  });
}

/// Every object type that the routes mention, with what they use it for.
using schema_table = std::map<std::string, std::pair<const json_shape*, direction>>;

void collect(schema_table& all, const json_shape& shape, direction way) {
  if (shape.kind == json_kind::list) return collect(all, *shape.element, way);
  if (shape.kind != json_kind::object || !all.try_emplace(shape.name, &shape, way).second) return;
  for (const auto& member : shape.members) collect(all, *member.shape, way);
}

/// All problems a route may answer with, by status.
std::map<std::uint16_t, std::vector<const problem*>> problems_of(const route& r) {
  std::set<errc> codes{errc::malformed_request, errc::rate_limited,      errc::internal,
                       errc::overloaded,        errc::shard_unavailable, errc::storage_unavailable,
                       errc::timed_out,         errc::draining};
  codes.insert(r.problems.begin(), r.problems.end());
  if (r.media.empty()) codes.insert(errc::not_acceptable);
  if (r.roles != nobody_in_particular) codes.insert({errc::missing_token, errc::invalid_token});
  if (r.roles != nobody_in_particular && r.roles != any_role) codes.insert(errc::forbidden);
  if (r.takes != request_body::none)
    codes.insert({errc::malformed_body, errc::unsupported_media_type, errc::body_too_large,
                  errc::invalid_field});
  if (r.query) codes.insert(errc::invalid_field);
  if (r.paged) codes.insert(errc::invalid_cursor);
  if (r.changes()) codes.insert({errc::key_reused, errc::operation_in_flight});
  if (r.changes() && r.versioned) codes.insert(errc::precondition_failed);
  if (r.own_errors) {
    codes.erase(errc::malformed_request);
    codes.erase(errc::invalid_field);
  }
  std::map<std::uint16_t, std::vector<const problem*>> out;
  for (auto code : codes) {
    const auto& p = problem_of(code);
    out[p.status].push_back(&p);
  }
  return out;
}

void write_parameters(writer& w, const route& r) {
  w.key("parameters").array([&] {
    auto path = r.path;
    for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{')) {
      path.remove_prefix(open + 1);
      auto name = path.substr(0, path.find('}'));
      w.object([&] {
        w.key("name").text(name);
        w.key("in").text("path");
        w.key("required").boolean(true);
        w.key("schema").object([&] {
          w.key("type").text("string");
          w.key("format").text("uuid");
        });
        w.key("example").text(name == "game_id" ? "0195a6c4-5a80-7b22-b4c5-6e7f8a9b0c03"
                                                : "0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01");
      });
    }
    if (r.query)
      for (const auto& member : r.query->members)
        w.object([&] {
          w.key("name").text(member.name);
          w.key("in").text("query");
          w.key("required").boolean(member.required);
          if (member.rules && member.rules->description)
            w.key("description").text(*member.rules->description);
          w.key("schema");
          write_schema(w, *member.shape, member.rules, false);
        });
    auto shared = [&](std::string_view name) {
      w.ref("#/components/parameters/" + std::string{name});
    };
    if (r.changes()) shared("IdempotencyKey");
    if (r.versioned) shared(r.changes() ? "IfMatch" : "IfNoneMatch");
    shared("RequestId");
    shared("TraceParent");
  });
}

void write_request_body(writer& w, const route& r) {
  if (r.takes == request_body::none) return;
  w.key("requestBody").object([&] {
    w.key("required").boolean(true);
    w.key("content").object([&] {
      auto media = [&](std::string_view type, bool example) {
        w.key(type).object([&] {
          w.key("schema").ref(schema_ref(*r.body));
          if (example) {
            w.key("example");
            write_object_example(w, *r.body);
          }
        });
      };
      if (r.takes == request_body::form) {
        media("application/x-www-form-urlencoded", true);
      } else {
        media("application/json", true);
        media("application/msgpack", false);
      }
    });
  });
}

void write_answer(writer& w, const route& r, const documented_answer& answer) {
  w.key(std::to_string(answer.status)).object([&] {
    w.key("description").text(answer.description);
    w.key("headers").object([&] {
      auto shared = [&](std::string_view name) {
        w.key(name).ref("#/components/headers/" + std::string{name});
      };
      if (answer.location) shared("Location");
      if (r.versioned && answer.body) shared("ETag");
      if (r.paged || !r.media.empty()) shared("Link");
      if (r.changes()) shared("Idempotency-Replayed");
      shared("RateLimit");
      shared("RateLimit-Policy");
      shared("X-Request-Id");
    });
    if (!r.media.empty()) w.key("content").object([&] { w.key(r.media).object([] {}); });
    if (!answer.body) return;
    w.key("content").object([&] {
      w.key("application/json").object([&] {
        w.key("schema").ref(schema_ref(*answer.body));
        w.key("example");
        write_object_example(w, *answer.body);
      });
      w.key("application/msgpack").object([&] { w.key("schema").ref(schema_ref(*answer.body)); });
    });
  });
}

void write_problems(writer& w, std::uint16_t status, const std::vector<const problem*>& problems) {
  w.key(std::to_string(status)).object([&] {
    std::string description;
    for (const auto* p : problems)
      description.append(description.empty() ? "" : "; ")
        .append(p->title)
        .append(" (`/problems/")
        .append(p->slug)
        .append("`)");
    w.key("description").text(description);
    w.key("headers").object([&] {
      w.key("X-Request-Id").ref("#/components/headers/X-Request-Id");
      if (status == 429 || status == 503)
        w.key("Retry-After").ref("#/components/headers/Retry-After");
      if (status == 401) w.key("WWW-Authenticate").ref("#/components/headers/WWW-Authenticate");
    });
    w.key("content").object([&] {
      w.key("application/problem+json").object([&] {
        w.key("schema").ref("#/components/schemas/Problem");
        w.key("examples").object([&] {
          for (const auto* p : problems)
            w.key(p->slug).ref("#/components/examples/" + std::string{p->slug});
        });
      });
    });
  });
}

void write_operation(writer& w, const route& r) {
  std::string verb{to_string(r.verb)};
  for (char& c : verb) c = static_cast<char>(c - 'A' + 'a');
  w.key(verb).object([&] {
    w.key("operationId").text(r.id);
    w.key("tags").array([&] { w.text(r.tag); });
    w.key("summary").text(r.summary);
    if (!r.description.empty()) w.key("description").text(r.description);
    w.key("security").array([&] {
      if (r.roles == nobody_in_particular) return;
      if (r.roles == any_role) {
        w.object([&] { w.key("oauth2").array([] {}); });
        return;
      }
      for (std::uint8_t at = 0; at < std::size(role_names); ++at)
        if (allows(r.roles, static_cast<role>(at)))
          w.object([&] { w.key("oauth2").array([&] { w.text(role_names[at]); }); });
    });
    write_parameters(w, r);
    write_request_body(w, r);
    w.key("responses").object([&] {
      for (const auto& answer : r.answers) write_answer(w, r, answer);
      if (r.versioned && !r.changes())
        w.key("304").object([&] {
          w.key("description")
            .text("The version that If-None-Match names is still the present one");
        });
      for (const auto& [status, problems] : problems_of(r)) write_problems(w, status, problems);
    });
  });
}

void write_header(writer& w, std::string_view name, std::string_view description,
                  std::string_view type, std::string_view example) {
  w.key(name).object([&] {
    w.key("description").text(description);
    w.key("schema").object([&] { w.key("type").text(type); });
    w.key("example");
    if (type == "integer" || type == "boolean")
      w.raw(example);
    else
      w.text(example);
  });
}

void write_shared_parameter(writer& w, std::string_view key, std::string_view name,
                            std::string_view description, std::int64_t max_length,
                            std::string_view example) {
  w.key(key).object([&] {
    w.key("name").text(name);
    w.key("in").text("header");
    w.key("required").boolean(false);
    w.key("description").text(description);
    w.key("schema").object([&] {
      w.key("type").text("string");
      w.key("maxLength").number(max_length);
      // Not the parameter's own `example`: with that the page would fill the field in, and a version or key
      // that stands there by itself makes requests fail.
      w.key("examples").array([&] { w.text(example); });
    });
  });
}

void write_problem_schema(writer& w) {
  w.key("Problem").object([&] {
    w.key("description").text("RFC 9457. `type` is stable; its page says more.");
    w.key("type").text("object");
    w.key("properties").object([&] {
      auto text = [&](std::string_view name, std::string_view description) {
        w.key(name).object([&] {
          w.key("type").text("string");
          w.key("description").text(description);
        });
      };
      w.key("type").object([&] {
        w.key("type").text("string");
        w.key("format").text("uri-reference");
        w.key("enum").array([&] {
          for (const auto& p : all_problems()) w.text("/problems/" + std::string{p.slug});
        });
      });
      text("title", "What it is, the same for every problem of this type");
      w.key("status").object([&] {
        w.key("type").text("integer");
        w.key("description").text("The HTTP status");
      });
      text("detail", "What was wrong this time");
      text("instance", "The request's id");
      w.key("errors").object([&] {
        w.key("type").text("array");
        w.key("description").text("One entry for each wrong field");
        w.key("items").object([&] {
          w.key("type").text("object");
          w.key("properties").object([&] {
            text("pointer", "JSON pointer (RFC 6901) into the body");
            text("parameter", "Name of a query parameter or form field");
            text("detail", "What is wrong with it");
          });
          w.key("required").array([&] { w.text("detail"); });
        });
      });
    });
    w.key("required").array([&] {
      for (auto name : {"type", "title", "status", "instance"}) w.text(name);
    });
  });
}

void write_components(writer& w, std::span<const route> routes) {
  schema_table schemas;
  for (const auto& r : routes) {
    if (r.body) collect(schemas, *r.body, direction::request);
    for (const auto& answer : r.answers)
      if (answer.body) collect(schemas, *answer.body, direction::response);
  }
  w.key("schemas").object([&] {
    for (const auto& [name, entry] : schemas) {
      w.key(name);
      write_object_schema(w, *entry.first, entry.second);
    }
    write_problem_schema(w);
  });
  w.key("examples").object([&] {
    for (const auto& p : all_problems()) {
      failure why{p.code, {}, {}, {}};
      if (p.code == errc::invalid_field)
        why.fields.push_back({"/name", "is shorter than 3 characters"});
      std::string text;
      write_problem(text, why, "0195a6c4-9d10-7e55-a1b2-c3d4e5f60718");
      w.key(p.slug).object([&] {
        w.key("summary").text(p.description);
        w.key("value").raw(text);
      });
    }
  });
  w.key("parameters").object([&] {
    write_shared_parameter(
      w, "IdempotencyKey", "Idempotency-Key",
      "Names this change: sent again with the same key, it is done once and the first answer comes back, with "
      "`Idempotency-Replayed: true`. Kept for 24 hours.",
      255, "2f0a7c1e-signup-ann");
    write_shared_parameter(w, "IfMatch", "If-Match",
                           "The ETag of the version this change is based on.", 512, "\"3\"");
    write_shared_parameter(
      w, "IfNoneMatch", "If-None-Match",
      "The ETag of the version the client has: 304 when it is still the present one.", 512,
      "\"3\"");
    write_shared_parameter(
      w, "RequestId", "X-Request-Id",
      "Comes back in the answer and stands in the logs; one is made when it is missing.", 64,
      "req-42");
    write_shared_parameter(w, "TraceParent", "traceparent", "W3C trace context; it is continued.",
                           256, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  });
  w.key("headers").object([&] {
    write_header(w, "ETag", "The version, for If-Match and If-None-Match", "string", "\"3\"");
    write_header(w, "Idempotency-Replayed",
                 "`true`: this is the answer of an earlier request with the same key", "boolean",
                 "true");
    write_header(w, "Link", "The next page or piece", "string",
                 "</v1/games?limit=20&cursor=WyJhIl0>; rel=\"next\"");
    write_header(w, "Location", "Where the new resource is", "string",
                 "/v1/players/0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01");
    write_header(w, "RateLimit", "What is left of the rate limit", "string",
                 "\"principal\";r=199;t=1");
    write_header(w, "RateLimit-Policy", "The rate limit", "string", "\"principal\";q=200;w=2");
    write_header(w, "Retry-After", "Seconds to wait", "integer", "1");
    write_header(w, "WWW-Authenticate", "How to authenticate", "string", "Bearer realm=\"troupe\"");
    write_header(w, "X-Request-Id", "The request's id, as in the logs and in problems", "string",
                 "0195a6c4-9d10-7e55-a1b2-c3d4e5f60718");
  });
  w.key("securitySchemes").object([&] {
    w.key("oauth2").object([&] {
      w.key("type").text("oauth2");
      w.key("description")
        .text(
          "Name and password of a player or a member of staff; client id and secret stay empty. The scopes are the "
          "roles: what an account may do is decided by its role, not by what is asked for.");
      w.key("flows").object([&] {
        w.key("password").object([&] {
          w.key("tokenUrl").text("/v1/auth/token");
          w.key("refreshUrl").text("/v1/auth/token");
          w.key("scopes").object([&] {
            w.key("player").text("A player: own profile and library");
            w.key("studio").text("Staff of one studio: its games and their players");
            w.key("publisher").text("The publisher: all studios, games and players");
            w.key("operator").text("Runs the cluster");
          });
        });
      });
    });
  });
}

} // namespace

std::string openapi_document(std::span<const route> routes) {
  writer w;
  w.object([&] {
    w.key("openapi").text("3.1.0");
    w.key("info").object([&] {
      w.key("title").text("Troupe");
      w.key("version").text(api_version);
      w.key("summary").text("Players, games and studios");
      w.key("description")
        .text(
          "Every answer has an `X-Request-Id`. Errors are `application/problem+json` with a stable `type`. Lists are "
          "pages: go on with `next`, or with the Link field. Changes may carry an `Idempotency-Key` and are then "
          "safe to send again. Bodies are JSON, or msgpack where a route says so; times are RFC 3339 in UTC, ids "
          "UUIDv7.");
      w.key("license").object([&] {
        w.key("name").text("Apache 2.0");
        w.key("identifier").text("Apache-2.0");
      });
    });
    w.key("servers").array([&] { w.object([&] { w.key("url").text("/"); }); });
    w.key("tags").array([&] {
      std::vector<std::string_view> seen;
      for (const auto& r : routes) {
        if (std::ranges::find(seen, r.tag) != seen.end()) continue;
        seen.push_back(r.tag);
        w.object([&] { w.key("name").text(r.tag); });
      }
    });
    w.key("paths").object([&] {
      std::vector<std::string_view> seen;
      for (const auto& first : routes) {
        if (std::ranges::find(seen, first.path) != seen.end()) continue;
        seen.push_back(first.path);
        w.key(first.path).object([&] {
          for (const auto& r : routes)
            if (r.path == first.path) write_operation(w, r);
        });
      }
    });
    w.key("components").object([&] { write_components(w, routes); });
  });
  return std::move(w.out);
}

std::string openapi_text() {
  struct options : glz::opts {
    bool prettify = true;
    std::uint8_t indentation_width = 2;
  };
  auto document = openapi_document(all_routes());
  std::string out;
  glz::prettify_json<options{}>(document, out);
  out += '\n';
  return out;
}

} // namespace troupe::gateway
