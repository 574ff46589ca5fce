#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "app/drill/history.hpp"

namespace troupe::drill {

/// What was found wrong, for people; empty: nothing.
using violations = std::vector<std::string>;

/// Whether every player's every game behaves as one register that a put sets and a removal clears: some
/// order of all operations, each at one moment between its request and its answer, explains all answers.
/// Operations of unknown end happened at one moment after their request, or never; refused ones never.
/// `players`, `games`: how many there are; every register is clear at the beginning.
/// Method: Wing and Gong's search, with the states kept per moment (Lowe, "Testing for linearizability").
violations check_libraries(std::span<const operation> operations, std::size_t players,
                           std::size_t games);

/// Whether each acknowledged write is in the ledger exactly once, unknown ones once at most, and refused ones
/// not at all. `found`: how often the ledger has each operation's id, by the key of the operation.
violations check_ledger(std::span<const operation> operations,
                        const std::map<std::string, std::uint64_t>& found);

/// Whether each acknowledged sign-up made exactly one account, an unknown one at most one, a refused one
/// none. `found`: accounts by name.
violations check_sign_ups(std::span<const operation> operations,
                          const std::map<std::string, std::uint64_t>& found);

/// Whether the epochs of each shard only grow from one tenure to the next, no two tenures share one, and no
/// two nodes served a shard at the same time. Times are those of one machine's logs, to the millisecond.
violations check_transitions(std::span<const transition> transitions,
                             std::span<const standstill> stopped);

/// Whether enough was done for the other checks to mean anything: `least` acknowledged operations of each
/// action.
violations check_counts(std::span<const operation> operations, std::size_t least);

} // namespace troupe::drill
