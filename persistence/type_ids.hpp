#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include "base/error.hpp"

namespace troupe {

struct write_request;
struct write_receipts;
struct acquire_request;
struct acquire_receipt;
struct release_request;
struct tenure_lost;
struct load_request;
struct load_receipts;
struct list_registrations;
struct registrations;
struct sum_counters;
struct counters;
struct redis_request;
struct redis_receipts;
struct revocations_heard;
struct revocation_feed_restored;

} // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_persistence, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::errc))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::write_request))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::write_receipts))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::acquire_request))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::acquire_receipt))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::release_request))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::tenure_lost))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::load_request))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::load_receipts))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::list_registrations))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::registrations))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::sum_counters))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::counters))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::redis_request))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::redis_receipts))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::revocations_heard))
CAF_ADD_TYPE_ID(troupe_persistence, (troupe::revocation_feed_restored))
CAF_END_TYPE_ID_BLOCK(troupe_persistence)

// None of these messages ever leaves its process, so none has a wire format.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::write_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::write_receipts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::acquire_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::acquire_receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::release_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::tenure_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::load_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::load_receipts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_registrations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::registrations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::sum_counters)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::counters)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::redis_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::redis_receipts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::revocations_heard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::revocation_feed_restored)
