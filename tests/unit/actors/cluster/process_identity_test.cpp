#include "actors/cluster/process_identity.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

using namespace troupe;

TEST_CASE("a process that runs has not ended") {
  const auto self = own_process();
  REQUIRE_FALSE(self.empty());
  CHECK_FALSE(process_has_ended(self));
}

TEST_CASE("a process that is gone, or only waits for its parent to look, has ended") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const auto child = fork();
  if (child == 0) {
    const auto text = own_process();
    static_cast<void>(write(ends[1], text.data(), text.size()));
    _exit(0);
  }
  REQUIRE(child > 0);
  close(ends[1]);
  std::string told(256, '\0');
  const auto size = read(ends[0], told.data(), told.size());
  close(ends[0]);
  REQUIRE(size > 0);
  told.resize(static_cast<std::size_t>(size));
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(process_has_ended(told));
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(process_has_ended(told));
}

TEST_CASE("of other machines, and of what is no process, nothing can be said") {
  CHECK_FALSE(process_has_ended(""));
  CHECK_FALSE(process_has_ended("boot pid:[1] 1 1"));
  auto other = own_process();
  other[0] = other[0] == '0' ? '1' : '0';
  CHECK_FALSE(process_has_ended(other));
}

TEST_CASE("another process with the same number is not the one that was meant") {
  auto earlier = own_process();
  earlier.back() = earlier.back() == '0' ? '1' : '0';
  CHECK(process_has_ended(earlier));
}
