#include "actors/cluster/remote/envelope.hpp"

#include <doctest/doctest.h>

#include <format>
#include <set>

#include "actors/api/interfaces.hpp"
#include "actors/cluster/remote/wire_kinds.hpp"
#include "actors/message_types.hpp"
#include "base/msgpack.hpp"

using namespace troupe;
using namespace troupe::remote;

namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (unsigned char byte : bytes) out += std::format("{:02x}", byte);
  return out;
}

std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string{text.substr(i, 2)}, nullptr, 16));
  return out;
}

uuid id(std::uint8_t last) {
  uuid made;
  made.bytes[15] = last;
  return made;
}

request_head sample() {
  request_head head{.id = 7,
                    .kind = 2,
                    .family = 1,
                    .shard = 17,
                    .epoch = 5,
                    .op_id = id(1),
                    .remaining_ms = 4'000,
                    .trace = id(2)};
  head.request_hash.fill(9);
  return head;
}

// What the first version that spoke between nodes sent. A later one must read it and be read by it: these
// bytes never change.
constexpr std::string_view first_request_head =
  "8ba2696407a46b696e6402a6736368656d6101a666616d696c7901a5736861726411a565706f636805a56f705f6964c410"
  "00000000000000000000000000000001ac726571756573745f68617368c420"
  "0909090909090909090909090909090909090909090909090909090909090909"
  "ac72656d61696e696e675f6d73cd0fa0a57472616365c41000000000000000000000000000000002a5616761696ec2";
constexpr std::string_view first_answer_head =
  "86a2696407a4636f64654ba664657461696ca0ad72657472795f61667465725f7300a565706f636806a56f776e6572c410"
  "00000000000000000000000000000003";
constexpr std::string_view first_ownership_head =
  "84a666616d696c7901a5736861726411a565706f636805a46f776e73c3";
constexpr std::string_view first_hand_off_head = "83a666616d696c7901a5736861726411a565706f636805";
constexpr std::string_view first_nudge_head = "81a47768617401";

} // namespace

TEST_CASE("what nodes send to one another keeps its bytes") {
  CHECK(hex(to_msgpack(sample())) == first_request_head);
  CHECK(hex(to_msgpack(answer_head{.id = 7, .code = 75, .epoch = 6, .owner = id(3)})) ==
        first_answer_head);
  CHECK(hex(to_msgpack(ownership_head{1, 17, 5, true})) == first_ownership_head);
  CHECK(hex(to_msgpack(hand_off_head{1, 17, 5})) == first_hand_off_head);
  CHECK(hex(to_msgpack(nudge_head{1})) == first_nudge_head);

  std::string frame;
  append_item(frame, item_kind::request, "ab", "c");
  CHECK(hex(frame) == "010000000200000001616263");
}

TEST_CASE("the first version's bytes are understood, and so are those of a later one") {
  auto first = from_msgpack<request_head>(from_hex(first_request_head));
  REQUIRE(first);
  CHECK(first->id == 7);
  CHECK(first->kind == 2);
  CHECK(first->shard == 17);
  CHECK(first->epoch == 5);
  CHECK(first->op_id == id(1));
  CHECK(first->remaining_ms == 4'000);
  CHECK_FALSE(first->again);

  // {"id": 7, "kind": 2, "colour": "red"}: a member that is not known, others that are missing
  auto later = from_msgpack<request_head>(from_hex("83a2696407a46b696e6402a6636f6c6f7572a3726564"));
  REQUIRE(later);
  CHECK(later->id == 7);
  CHECK(later->kind == 2);
  CHECK(later->schema == 1);
  CHECK(later->remaining_ms == 0);
}

TEST_CASE("the numbers of requests are frozen") {
  register_message_types();
  constexpr std::string_view names[]{
    "create_player",    "read_player",     "update_player",      "delete_player",
    "read_credentials", "settle_creation", "register_game",      "unregister_game",
    "list_library",     "open_session",    "rotate_session",     "close_session",
    "reserve_name",     "confirm_name",    "release_name",       "lookup_name",
    "claim_operation",  "create_studio",   "create_game",        "create_provider",
    "change_provider",  "delete_provider", "read_provider",      "list_providers",
    "fetch_provider",   "read_rejects",    "read_event_history", "read_answer_piece"};
  std::uint16_t number = 0;
  for (auto name : names) {
    const auto* kind = find_wire_kind(++number);
    REQUIRE(kind);
    CHECK(kind->name == name);
  }
  std::set<caf::type_id_t> types;
  for (const auto& kind : wire_kinds()) CHECK(types.insert(kind.request).second);
  CHECK(find_wire_kind(0) == nullptr);
}

TEST_CASE("requests and answers of a kind come back as they were") {
  register_message_types();
  call c;
  c.op_id = id(4);
  const auto content = caf::make_message(c, register_game{id(1), id(2)});
  const auto* kind = wire_kind_of(content);
  REQUIRE(kind);
  std::string bytes;
  kind->write_request(content, bytes);
  auto read = kind->read_request(c, bytes);
  REQUIRE(read);
  REQUIRE((read->match_elements<call, register_game>()));
  CHECK(read->get_as<register_game>(1).game_id == id(2));

  bytes.clear();
  REQUIRE(kind->write_answer(
    caf::make_message(outcome<game_registered>{{true, timestamp{12}}, true}), bytes));
  auto answer = kind->read_answer(bytes);
  REQUIRE(answer);
  const auto& told = answer->get_as<outcome<game_registered>>(0);
  CHECK(told.replayed);
  CHECK(told.value.created);
  CHECK(told.value.registered_at.unix_ms == 12);

  CHECK_FALSE(kind->write_answer(caf::make_message(player_profile{}), bytes));
  CHECK_FALSE(kind->read_request(c, "\xc1"));
  CHECK(wire_kind_of(caf::make_message(register_game{})) == nullptr);
}

TEST_CASE("a frame is taken apart item by item, and what is no item ends it") {
  std::string frame;
  append_item(frame, item_kind::nudge, "head", "");
  append_item(frame, static_cast<item_kind>(200), "x", "yz");
  for (std::size_t size = 0; size <= frame.size(); ++size) {
    auto rest = std::as_bytes(std::span{frame}.first(size));
    bool malformed = false;
    std::size_t items = 0;
    while (auto one = next_item(rest, malformed)) ++items;
    const bool whole = size == 0 || size == 13 || size == frame.size();
    CHECK(malformed == !whole);
    CHECK(items == (size < 13 ? 0u : size < frame.size() ? 1u : 2u));
  }
  auto huge = from_hex("01ffffffffffffffff00");
  auto rest = std::as_bytes(std::span{huge});
  bool malformed = false;
  CHECK_FALSE(next_item(rest, malformed));
  CHECK(malformed);
}
