#include "gateway/site.hpp"

#include <unordered_map>

#include "gateway/docs/assets.hpp"
#include "gateway/encoding.hpp"
#include "gateway/negotiation.hpp"
#include "gateway/openapi.hpp"
#include "gateway/problem.hpp"
#include "gateway/route.hpp"

namespace troupe::gateway {

namespace {

constexpr std::string_view html = "text/html; charset=utf-8";

/// Nothing but our own files; Swagger UI sets styles from its scripts and draws from data:
/// addresses.
constexpr std::string_view page_policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
  "connect-src 'self'; font-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

constexpr std::string_view docs_page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Troupe API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" sizes="32x32" href="/docs/favicon-32x32.png">
<link rel="icon" type="image/png" sizes="16x16" href="/docs/favicon-16x16.png">
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/start.js"></script>
</html>
)";

constexpr std::string_view docs_script = R"(window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    oauth2RedirectUrl: window.location.origin + "/docs/oauth2-redirect.html",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "BaseLayout",
  });
});
)";

constexpr std::string_view no_docs_page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Troupe API</title>
<p>This build has no documentation page. The API's document is at <a href="/openapi.json">/openapi.json</a>.</p>
</html>
)";

} // namespace

/// Bodies with their compressed forms, made once.
struct site::content {
  struct file {
    std::string_view mime;
    std::string_view plain;
    std::string owned;  ///< memory of `plain` when it is not static
    std::string packed; ///< gzip; empty when it is not smaller
    bool page = false;  ///< HTML: gets a policy
  };
  std::unordered_map<std::string, file> files;
  std::string document;
};

site::site() {
  auto made = std::make_unique<content>();
  gzip_encoder gzip;
  auto add = [&](std::string path, std::string_view mime, std::string_view plain, bool copy) {
    auto& file = made->files[std::move(path)];
    file.mime = mime;
    if (copy) {
      file.owned = plain;
      file.plain = file.owned;
    } else {
      file.plain = plain;
    }
    file.page = mime == html || mime == "text/html";
    if (!gzip.encode(file.plain, file.packed)) file.packed.clear();
    file.packed.shrink_to_fit();
  };
  made->document = openapi_document(all_routes());
  add("/openapi.json", "application/json", made->document, false);
  auto assets = docs_assets();
  for (const auto& asset : assets)
    add("/docs/" + std::string{asset.name}, asset.mime, asset.body, false);
  add("/docs", html, assets.empty() ? no_docs_page : docs_page, false);
  if (!assets.empty()) add("/docs/start.js", "text/javascript", docs_script, false);
  for (const auto& p : all_problems())
    add("/problems/" + std::string{p.slug}, html, problem_page(p), true);
  content_ = std::move(made);
}

site::~site() = default;

std::string_view site::document() const noexcept { return content_->document; }

bool site::serve(http::exchange& ex, std::string_view path) const {
  auto& out = ex.out;
  if (path == "/" || path == "/docs/") {
    out.status = 303;
    out.has_body = false;
    out.add("Location", "/docs");
    return true;
  }
  auto at = content_->files.find(std::string{path});
  if (at == content_->files.end()) return false;
  const auto& file = at->second;
  if (ex.in.verb == http::method::options) {
    out.status = 204;
    out.has_body = false;
    out.add("Allow", "GET, HEAD, OPTIONS");
    return true;
  }
  if (ex.in.verb != http::method::get && ex.in.verb != http::method::head) {
    out.status = 405; // the caller makes it a problem
    out.add("Allow", "GET, HEAD, OPTIONS");
    return true;
  }
  out.content_type = file.mime;
  out.add("X-Content-Type-Options", "nosniff");
  out.add("Cache-Control", "no-cache");
  if (file.page) out.add("Content-Security-Policy", page_policy);
  if (!file.packed.empty()) {
    out.add("Vary", "Accept-Encoding");
    if (accepts_gzip(ex.in[http::field::accept_encoding])) {
      out.add("Content-Encoding", "gzip");
      out.static_body = file.packed;
      return true;
    }
  }
  out.static_body = file.plain;
  return true;
}

} // namespace troupe::gateway
