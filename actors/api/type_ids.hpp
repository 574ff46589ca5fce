#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include "persistence/type_ids.hpp"

// Type ids of every message between actors. Between nodes only envelopes travel, so a message here needs
// no wire format of CAF's; its msgpack form comes from reflection.

namespace troupe {

struct call;
template <class T>
struct outcome;

struct create_player;
struct player_profile;
struct read_player;
struct update_player;
struct player_updated;
struct delete_player;
struct player_deleted;
struct read_credentials;
struct credentials;
struct settle_creation;
struct creation_settled;
struct register_game;
struct game_registered;
struct unregister_game;
struct game_unregistered;
struct list_library;
struct library_page;
struct list_registered_players;
struct registered_players;
struct count_players;
struct player_counts;
struct open_session;
struct session_opened;
struct rotate_session;
struct session_rotated;
struct close_session;
struct session_closed;
struct reserve_name;
struct name_reserved;
struct confirm_name;
struct release_name;
struct name_settled;
struct lookup_name;
struct claim_operation;
struct operation_claimed;
struct account_ref;
struct create_studio;
struct studio_created;
struct create_game;
struct game_created;
struct refresh_catalog;
struct hash_password;
struct password_hashed;
struct verify_password;
struct password_verified;
struct check_login;
struct login_verdict;
struct record_login;
struct revoke_sessions;
struct report_usage;
struct usage_elsewhere;
struct find_response;
struct found_response;
struct keep_response;
struct create_provider;
struct change_provider;
struct delete_provider;
struct provider_deleted;
struct read_provider;
struct provider_seen;
struct list_providers;
struct provider_list;
struct fetch_provider;
struct read_rejects;
struct provider_rejects;
struct read_event_history;
struct event_history;
struct read_answer_piece;
struct answer_piece;

} // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_api, caf::id_block::troupe_persistence::end)
CAF_ADD_TYPE_ID(troupe_api, (troupe::call))
CAF_ADD_TYPE_ID(troupe_api, (troupe::create_player))
CAF_ADD_TYPE_ID(troupe_api, (troupe::player_profile))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_player))
CAF_ADD_TYPE_ID(troupe_api, (troupe::update_player))
CAF_ADD_TYPE_ID(troupe_api, (troupe::player_updated))
CAF_ADD_TYPE_ID(troupe_api, (troupe::delete_player))
CAF_ADD_TYPE_ID(troupe_api, (troupe::player_deleted))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_credentials))
CAF_ADD_TYPE_ID(troupe_api, (troupe::credentials))
CAF_ADD_TYPE_ID(troupe_api, (troupe::settle_creation))
CAF_ADD_TYPE_ID(troupe_api, (troupe::creation_settled))
CAF_ADD_TYPE_ID(troupe_api, (troupe::register_game))
CAF_ADD_TYPE_ID(troupe_api, (troupe::game_registered))
CAF_ADD_TYPE_ID(troupe_api, (troupe::unregister_game))
CAF_ADD_TYPE_ID(troupe_api, (troupe::game_unregistered))
CAF_ADD_TYPE_ID(troupe_api, (troupe::list_library))
CAF_ADD_TYPE_ID(troupe_api, (troupe::library_page))
CAF_ADD_TYPE_ID(troupe_api, (troupe::list_registered_players))
CAF_ADD_TYPE_ID(troupe_api, (troupe::registered_players))
CAF_ADD_TYPE_ID(troupe_api, (troupe::count_players))
CAF_ADD_TYPE_ID(troupe_api, (troupe::player_counts))
CAF_ADD_TYPE_ID(troupe_api, (troupe::open_session))
CAF_ADD_TYPE_ID(troupe_api, (troupe::session_opened))
CAF_ADD_TYPE_ID(troupe_api, (troupe::rotate_session))
CAF_ADD_TYPE_ID(troupe_api, (troupe::session_rotated))
CAF_ADD_TYPE_ID(troupe_api, (troupe::close_session))
CAF_ADD_TYPE_ID(troupe_api, (troupe::session_closed))
CAF_ADD_TYPE_ID(troupe_api, (troupe::reserve_name))
CAF_ADD_TYPE_ID(troupe_api, (troupe::name_reserved))
CAF_ADD_TYPE_ID(troupe_api, (troupe::confirm_name))
CAF_ADD_TYPE_ID(troupe_api, (troupe::release_name))
CAF_ADD_TYPE_ID(troupe_api, (troupe::name_settled))
CAF_ADD_TYPE_ID(troupe_api, (troupe::lookup_name))
CAF_ADD_TYPE_ID(troupe_api, (troupe::claim_operation))
CAF_ADD_TYPE_ID(troupe_api, (troupe::operation_claimed))
CAF_ADD_TYPE_ID(troupe_api, (troupe::account_ref))
CAF_ADD_TYPE_ID(troupe_api, (troupe::create_studio))
CAF_ADD_TYPE_ID(troupe_api, (troupe::studio_created))
CAF_ADD_TYPE_ID(troupe_api, (troupe::create_game))
CAF_ADD_TYPE_ID(troupe_api, (troupe::game_created))
CAF_ADD_TYPE_ID(troupe_api, (troupe::hash_password))
CAF_ADD_TYPE_ID(troupe_api, (troupe::password_hashed))
CAF_ADD_TYPE_ID(troupe_api, (troupe::verify_password))
CAF_ADD_TYPE_ID(troupe_api, (troupe::password_verified))
CAF_ADD_TYPE_ID(troupe_api, (troupe::check_login))
CAF_ADD_TYPE_ID(troupe_api, (troupe::login_verdict))
CAF_ADD_TYPE_ID(troupe_api, (troupe::record_login))
CAF_ADD_TYPE_ID(troupe_api, (troupe::revoke_sessions))
CAF_ADD_TYPE_ID(troupe_api, (troupe::report_usage))
CAF_ADD_TYPE_ID(troupe_api, (troupe::usage_elsewhere))
CAF_ADD_TYPE_ID(troupe_api, (troupe::find_response))
CAF_ADD_TYPE_ID(troupe_api, (troupe::found_response))
CAF_ADD_TYPE_ID(troupe_api, (troupe::keep_response))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::player_profile>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::player_updated>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::player_deleted>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::game_registered>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::game_unregistered>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::session_opened>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::session_rotated>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::session_closed>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::name_reserved>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::operation_claimed>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::studio_created>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::game_created>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::refresh_catalog))
CAF_ADD_TYPE_ID(troupe_api, (troupe::create_provider))
CAF_ADD_TYPE_ID(troupe_api, (troupe::change_provider))
CAF_ADD_TYPE_ID(troupe_api, (troupe::delete_provider))
CAF_ADD_TYPE_ID(troupe_api, (troupe::provider_deleted))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_provider))
CAF_ADD_TYPE_ID(troupe_api, (troupe::provider_seen))
CAF_ADD_TYPE_ID(troupe_api, (troupe::list_providers))
CAF_ADD_TYPE_ID(troupe_api, (troupe::provider_list))
CAF_ADD_TYPE_ID(troupe_api, (troupe::fetch_provider))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_rejects))
CAF_ADD_TYPE_ID(troupe_api, (troupe::provider_rejects))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_event_history))
CAF_ADD_TYPE_ID(troupe_api, (troupe::event_history))
CAF_ADD_TYPE_ID(troupe_api, (troupe::read_answer_piece))
CAF_ADD_TYPE_ID(troupe_api, (troupe::answer_piece))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::provider_seen>))
CAF_ADD_TYPE_ID(troupe_api, (troupe::outcome<troupe::provider_deleted>))
CAF_END_TYPE_ID_BLOCK(troupe_api)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::create_player)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::player_profile)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_player)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::update_player)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::player_updated)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::delete_player)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::player_deleted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_credentials)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::credentials)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::settle_creation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::creation_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::register_game)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::game_registered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::unregister_game)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::game_unregistered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_library)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::library_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_registered_players)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::registered_players)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::count_players)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::player_counts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::open_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::session_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::rotate_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::session_rotated)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::close_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::session_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::reserve_name)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::name_reserved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::confirm_name)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::release_name)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::name_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lookup_name)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::claim_operation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::operation_claimed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::account_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::create_studio)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::studio_created)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::create_game)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::game_created)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hash_password)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::password_hashed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::verify_password)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::password_verified)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::check_login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::login_verdict)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::record_login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::revoke_sessions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::report_usage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::usage_elsewhere)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::find_response)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::found_response)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::keep_response)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::player_profile>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::player_updated>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::player_deleted>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::game_registered>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::game_unregistered>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::session_opened>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::session_rotated>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::session_closed>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::name_reserved>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::operation_claimed>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::studio_created>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::game_created>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::refresh_catalog)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::create_provider)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::change_provider)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::delete_provider)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::provider_deleted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_provider)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::provider_seen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_providers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::provider_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::fetch_provider)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_rejects)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::provider_rejects)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_event_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::event_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_answer_piece)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::answer_piece)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::provider_seen>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::provider_deleted>)
