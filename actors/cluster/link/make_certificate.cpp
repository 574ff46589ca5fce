#include "actors/cluster/link/make_certificate.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>

#include "actors/cluster/link/openssl.hpp"

namespace troupe::links {

namespace {

using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
using name_ptr = std::unique_ptr<GENERAL_NAME, freed_by<GENERAL_NAME_free>>;
using number_ptr = std::unique_ptr<BIGNUM, freed_by<BN_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;

constexpr std::size_t longest_common_name = 64; // RFC 5280, appendix A.1: ub-common-name
constexpr int serial_bits = 159;                // RFC 5280, 4.1.2.2: at most 20 octets, positive

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host_name(std::string_view name) noexcept {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.size() <= 253 && is_letter_or_digit(name.front()) &&
         std::ranges::all_of(
           name, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_'; });
}

std::unexpected<failure> openssl_failed() {
  auto code = ERR_peek_last_error();
  auto reason = code ? ERR_reason_error_string(code) : nullptr;
  return fail(errc::internal, std::string{"OpenSSL cannot make the certificate: "} +
                                (reason ? reason : "no reason was given"));
}

std::string text_of(BIO& bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(&bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool set_common_name(X509& certificate, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(&certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool set_serial(X509& certificate) {
  number_ptr number{BN_new()};
  return number && BN_rand(number.get(), serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate));
}

bool set_validity(X509& certificate, validity valid) {
  auto at = [](std::chrono::sys_seconds time) {
    return static_cast<time_t>(time.time_since_epoch().count());
  };
  return ASN1_TIME_set(X509_getm_notBefore(&certificate), at(valid.from)) &&
         ASN1_TIME_set(X509_getm_notAfter(&certificate), at(valid.until));
}

bool add_extension(X509& certificate, X509& issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  extension_ptr extension{X509V3_EXT_conf_nid(nullptr, &context, what, value)};
  return extension && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

bool add_dns_name(GENERAL_NAMES& names, const std::string& dns) {
  auto text = ASN1_IA5STRING_new();
  name_ptr name{GENERAL_NAME_new()};
  if (!text || !name || !ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()))) {
    ASN1_IA5STRING_free(text);
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text);
  return sk_GENERAL_NAME_push(&names, name.get()) > 0 && name.release();
}

bool add_address(GENERAL_NAMES& names, const std::string& address) {
  auto bytes = a2i_IPADDRESS(address.c_str());
  name_ptr name{GENERAL_NAME_new()};
  if (!bytes || !name) {
    ASN1_OCTET_STRING_free(bytes);
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), GEN_IPADD, bytes);
  return sk_GENERAL_NAME_push(&names, name.get()) > 0 && name.release();
}

/// What both kinds of certificate have; unsigned yet.
x509_ptr begin(const std::string& name, EVP_PKEY& key, validity valid) {
  x509_ptr out{X509_new()};
  if (!out || !X509_set_version(out.get(), X509_VERSION_3) || !set_serial(*out) ||
      !set_validity(*out, valid) || !set_common_name(*out, name) ||
      !X509_set_pubkey(out.get(), &key))
    return nullptr;
  return out;
}

/// Signs, and writes both as PEM.
result<certified_key> finish(X509& certificate, EVP_PKEY& key, EVP_PKEY& signer) {
  bio_ptr text{BIO_new(BIO_s_mem())};
  bio_ptr secret{BIO_new(BIO_s_secmem())};
  if (!text || !secret || X509_sign(&certificate, &signer, EVP_sha256()) == 0 ||
      PEM_write_bio_X509(text.get(), &certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(secret.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_failed();
  return certified_key{text_of(*text), text_of(*secret)};
}

result<void> check_names(const std::string& name, const alternative_names& more) {
  if (!is_node_name(name))
    return fail(errc::invalid_field, "a node's name has 1 to 63 letters, digits, '.', '-' and '_', "
                                     "and begins with a letter or digit");
  for (const auto& dns : more.dns)
    if (!is_host_name(dns)) return fail(errc::invalid_field, dns + " is no host name");
  for (const auto& address : more.addresses)
    if (std::unique_ptr<ASN1_OCTET_STRING, freed_by<ASN1_OCTET_STRING_free>> bytes{
          a2i_IPADDRESS(address.c_str())};
        !bytes)
      return fail(errc::invalid_field, address + " is no IP address");
  return {};
}

result<void> check_validity(validity valid) {
  if (valid.until <= valid.from)
    return fail(errc::invalid_field, "the certificate would end before it begins");
  return {};
}

} // namespace

validity valid_for(std::chrono::days days) {
  auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return {now - std::chrono::hours{1}, now + days};
}

bool is_node_name(std::string_view name) noexcept {
  return name.size() <= 63 && !name.starts_with('*') && is_host_name(name);
}

result<certified_key> make_authority(const std::string& name, validity valid) {
  clean_error_queue clean;
  if (name.empty() || name.size() > longest_common_name)
    return fail(errc::invalid_field, "an authority's name has 1 to 64 bytes");
  if (auto checked = check_validity(valid); !checked) return std::unexpected(checked.error());
  key_ptr key{EVP_EC_gen("P-256")};
  if (!key) return openssl_failed();
  auto made = begin(name, *key, valid);
  if (!made || !X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) ||
      !add_extension(*made, *made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(*made, *made, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(*made, *made, NID_subject_key_identifier, "hash"))
    return openssl_failed();
  return finish(*made, *key, *key);
}

result<certified_key> make_node_certificate(const certified_key& authority, const std::string& name,
                                            const alternative_names& more, validity valid) {
  clean_error_queue clean;
  if (auto checked = check_names(name, more); !checked) return std::unexpected(checked.error());
  if (auto checked = check_validity(valid); !checked) return std::unexpected(checked.error());
  auto issuer = read_certificate(authority.certificate);
  auto signer = read_key(authority.key);
  if (!issuer || !signer || X509_check_ca(issuer.get()) != 1 ||
      X509_check_private_key(issuer.get(), signer.get()) != 1)
    return fail(errc::precondition_failed,
                "this is not the certificate of an authority together with its key");
  auto until = static_cast<time_t>(valid.until.time_since_epoch().count());
  if (X509_cmp_time(X509_get0_notAfter(issuer.get()), &until) < 0)
    return fail(errc::invalid_field, "the certificate would outlast its authority's");

  key_ptr key{EVP_EC_gen("P-256")};
  if (!key) return openssl_failed();
  auto made = begin(name, *key, valid);
  if (!made || !X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())))
    return openssl_failed();
  names_ptr names{GENERAL_NAMES_new()};
  bool named = names && add_dns_name(*names, name);
  for (const auto& dns : more.dns) named = named && add_dns_name(*names, dns);
  for (const auto& address : more.addresses) named = named && add_address(*names, address);
  if (!named || !X509_add1_ext_i2d(made.get(), NID_subject_alt_name, names.get(), 0, 0) ||
      !add_extension(*made, *issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(*made, *issuer, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(*made, *issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(*made, *issuer, NID_subject_key_identifier, "hash") ||
      !add_extension(*made, *issuer, NID_authority_key_identifier, "keyid:always"))
    return openssl_failed();
  return finish(*made, *key, *signer);
}

} // namespace troupe::links
