-- What wrk sends, the same to every server of a comparison: requests with ready-made tokens, one header besides Host;
-- searches without.
--   wrk … -s load.lua URL -- me TOKENS
--   wrk … -s load.lua URL -- search PATHS
--   wrk … -s load.lua URL -- put TOKENS GAMES PAIRS FIRST
-- The files are those of paced_load.cpp. `put` starts at the pair FIRST and names no pair twice. The last line of the output is
-- "RESULT requests errors status_errors microseconds".

local tokens, games, pairs_file, at
local put = false

local function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

function init(args)
  put = args[1] == "put"
  tokens = lines(args[2])
  local host = wrk.headers["Host"] or "127.0.0.1"
  if args[1] == "search" then
    at = 0
    for i = 1, #tokens do
      tokens[i] = "GET " .. tokens[i] .. " HTTP/1.1\r\nHost: " .. host .. "\r\n\r\n"
    end
    return
  end
  if not put then
    at = 0
    for i = 1, #tokens do
      tokens[i] = "GET /v1/players/me HTTP/1.1\r\nHost: " .. host .. "\r\nAuthorization: Bearer " .. tokens[i] .. "\r\n\r\n"
    end
    return
  end
  for i = 1, #tokens do
    tokens[i] = " HTTP/1.1\r\nHost: " .. host .. "\r\nAuthorization: Bearer " .. tokens[i] .. "\r\n\r\n"
  end
  games = lines(args[3])
  for i = 1, #games do games[i] = "PUT /v1/players/me/games/" .. games[i] end
  local file = assert(io.open(args[4], "rb"))
  at = tonumber(args[5]) * 6
  file:seek("set", at)
  pairs_file = file:read("*a")
  file:close()
  at = 0
end

function request()
  if not put then
    at = at % #tokens + 1
    return tokens[at]
  end
  local a, b, c, d, e, f = pairs_file:byte(at + 1, at + 6)
  if not f then error("the pairs are used up") end
  at = at + 6
  return games[e + f * 256 + 1] .. tokens[a + b * 256 + c * 65536 + d * 16777216 + 1]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status, summary.duration))
end
