#define CAF_TEST_NO_MAIN

#include <caf/test/unit_test_impl.hpp>

#include "actors/message_types.hpp"
#include "base/log.hpp"

int main(int argc, char** argv) {
  troupe::log::set_level(troupe::log::level::error);
  troupe::register_message_types();
  return caf::test::main(argc, argv);
}
