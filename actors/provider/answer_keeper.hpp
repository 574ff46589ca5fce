#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "persistence/records.hpp"

namespace troupe {

/// Keeps a provider's answer, compressed as it comes, for people who want to see what it sent. Of one that
/// is larger than the bound when compressed nothing is kept.
class answer_keeper {
public:
  static constexpr std::size_t most = 64 * 1024 * 1024; ///< compressed bytes

  answer_keeper();
  ~answer_keeper();

  void add(std::string_view bytes);

  /// BLAKE2b-256 of all that was added, kept or not; to be asked once.
  digest sum();

  /// The whole as gzip; empty when it was too large. The keeper is used up.
  std::string take();

private:
  struct stream;
  struct hash;
  void run(std::string_view bytes, int flush);

  std::unique_ptr<stream> stream_; ///< null: too large
  std::unique_ptr<hash> hash_;
  std::string kept_;
};

} // namespace troupe
