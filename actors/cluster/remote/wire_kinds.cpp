#include "actors/cluster/remote/wire_kinds.hpp"

#include <algorithm>
#include <array>

#include "actors/api/interfaces.hpp"
#include "actors/cluster/remote/envelope.hpp"
#include "base/msgpack.hpp"

namespace troupe::remote {

namespace {

template <class List>
struct only_of;
template <class T>
struct only_of<caf::detail::type_list<T>> {
  using type = T;
};

template <class Actor, class Request>
constexpr wire_kind kind(std::uint16_t id, std::string_view name) {
  using answer =
    typename only_of<caf::response_type_t<typename Actor::signatures, call, Request>>::type;
  return {
    id,
    name,
    caf::type_id_v<Request>,
    [](const caf::message& content, std::string& out) {
      append_msgpack(out, content.get_as<Request>(1));
    },
    [](const call& c, std::string_view bytes) -> result<caf::message> {
      auto request = from_msgpack<Request>(bytes, {.bytes = max_body});
      if (!request) return std::unexpected(std::move(request.error()));
      return caf::make_message(c, std::move(*request));
    },
    [](const caf::message& content, std::string& out) {
      if (!content.match_elements<answer>()) return false;
      append_msgpack(out, content.get_as<answer>(0));
      return true;
    },
    [](std::string_view bytes) -> result<caf::message> {
      auto read = from_msgpack<answer>(bytes, {.bytes = max_body});
      if (!read) return std::unexpected(std::move(read.error()));
      return caf::make_message(std::move(*read));
    },
  };
}

const std::array kinds{
  kind<player_actor, create_player>(1, "create_player"),
  kind<player_actor, read_player>(2, "read_player"),
  kind<player_actor, update_player>(3, "update_player"),
  kind<player_actor, delete_player>(4, "delete_player"),
  kind<player_actor, read_credentials>(5, "read_credentials"),
  kind<player_actor, settle_creation>(6, "settle_creation"),
  kind<player_actor, register_game>(7, "register_game"),
  kind<player_actor, unregister_game>(8, "unregister_game"),
  kind<player_actor, list_library>(9, "list_library"),
  kind<player_actor, open_session>(10, "open_session"),
  kind<player_actor, rotate_session>(11, "rotate_session"),
  kind<player_actor, close_session>(12, "close_session"),
  kind<directory_actor, reserve_name>(13, "reserve_name"),
  kind<directory_actor, confirm_name>(14, "confirm_name"),
  kind<directory_actor, release_name>(15, "release_name"),
  kind<directory_actor, lookup_name>(16, "lookup_name"),
  kind<directory_actor, claim_operation>(17, "claim_operation"),
  kind<catalog_actor, create_studio>(18, "create_studio"),
  kind<catalog_actor, create_game>(19, "create_game"),
  kind<provider_actor, create_provider>(20, "create_provider"),
  kind<provider_actor, change_provider>(21, "change_provider"),
  kind<provider_actor, delete_provider>(22, "delete_provider"),
  kind<provider_actor, read_provider>(23, "read_provider"),
  kind<provider_actor, list_providers>(24, "list_providers"),
  kind<provider_actor, fetch_provider>(25, "fetch_provider"),
  kind<provider_actor, read_rejects>(26, "read_rejects"),
  kind<provider_actor, read_event_history>(27, "read_event_history"),
  kind<provider_actor, read_answer_piece>(28, "read_answer_piece"),
};

} // namespace

std::span<const wire_kind> wire_kinds() noexcept { return kinds; }

const wire_kind* find_wire_kind(std::uint16_t id) noexcept {
  const auto found = std::ranges::find(kinds, id, &wire_kind::id);
  return found == kinds.end() ? nullptr : &*found;
}

const wire_kind* wire_kind_of(const caf::message& content) noexcept {
  if (content.size() != 2 || !content.match_element<call>(0)) return nullptr;
  const auto found = std::ranges::find(kinds, content.type_at(1), &wire_kind::request);
  return found == kinds.end() ? nullptr : &*found;
}

} // namespace troupe::remote
