#include "actors/cluster/link/certificate_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace troupe::links {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_pem = 1024 * 1024; // bytes

std::unexpected<failure> cannot_write(const fs::path& file, int why) {
  return fail(errc::internal, file.string() + ": " + std::generic_category().message(why));
}

std::unexpected<failure> taken(const fs::path& file) {
  return fail(errc::precondition_failed, file.string() + " exists already");
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0;
}

/// Writes beside the file and moves there, so that whoever reads it meanwhile, as a running node that
/// reloads, sees the old text or the new one; and so that a key never has an older file's mode.
result<void> write_file(const fs::path& file, std::string_view text, mode_t mode, bool overwrite) {
  auto beside = file.string() + ".XXXXXX";
  int descriptor = ::mkostemp(beside.data(), O_CLOEXEC); // made with mode 0600
  if (descriptor < 0) return cannot_write(file, errno);
  int why = 0;
  if (!write_all(descriptor, text) || ::fchmod(descriptor, mode) != 0) why = errno;
  if (::close(descriptor) != 0 && why == 0) why = errno;
  // link(2), unlike rename(2), fails when there is a file
  if (why == 0 && overwrite && ::rename(beside.c_str(), file.c_str()) == 0) return {};
  if (why == 0 && (overwrite || ::link(beside.c_str(), file.c_str()) != 0)) why = errno;
  ::unlink(beside.c_str());
  if (why == EEXIST && !overwrite) return taken(file);
  if (why != 0) return cannot_write(file, why);
  return {};
}

} // namespace

certificate_paths paths_in(const fs::path& folder, const std::string& stem) {
  return {folder / (stem + ".crt"), folder / (stem + ".key")};
}

result<void> write_files(const certificate_paths& to, const certified_key& what, bool overwrite) {
  std::error_code error;
  if (auto folder = to.key.parent_path(); !folder.empty()) fs::create_directories(folder, error);
  if (error) return cannot_write(to.key.parent_path(), error.value());
  if (!overwrite)
    for (const auto& file : {to.certificate, to.key})
      if (fs::exists(fs::symlink_status(file, error))) return taken(file);
  if (auto done = write_file(to.key, what.key, 0600, overwrite); !done) return done;
  return write_file(to.certificate, what.certificate, 0644, overwrite);
}

result<std::string> read_pem(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error))
    return fail(errc::not_found, file.string() + ": there is no such file");
  std::ifstream in{file, std::ios::binary};
  std::string text(largest_pem, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.eof()) return fail(errc::not_found, file.string() + ": cannot be read, or is too large");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

} // namespace troupe::links
