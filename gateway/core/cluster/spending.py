"""The scripts of the budget that replicas share: calls in a sliding window, on the server's clock.

A call stands in a sorted set until it no longer counts: from its start until a window after its end; one whose replica
dies in the middle, until it cannot be running any more.
"""

from __future__ import annotations

from typing import Final

from gateway.core.cluster.server import Script

_PACE: Final = """
local recovery = 120000
local at = now()
local share, cut, till = unpack(redis.call('HMGET', KEYS[2], 'share', 'cut', 'till'))
share, cut, till = tonumber(share or 1), tonumber(cut or 0), tonumber(till or 0)
if share < 1 then share = math.min(1, share + math.max(0, at - math.max(cut, till)) / recovery) end
"""

SPEND: Final = Script(
    _PACE
    + """
local me, want, first = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most, common, window, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local extended, is_query, over, unused = tonumber(ARGV[8]), ARGV[9] == '1', tonumber(ARGV[10]), tonumber(ARGV[11])
local paced = math.min(1, most * share)
window = window / paced
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at)
for i = 12, 11 + over do redis.call('ZADD', KEYS[1], at + window, ARGV[i]) end
for i = 12 + over, 11 + over + unused do redis.call('ZREM', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', longest + window * 2))
local opens, lost = string.match(redis.call('GET', KEYS[4]) or '', '^(%d+)|(%d)$')
local away = tonumber(redis.call('GET', KEYS[5]) or '0')
local room = common - math.ceil(extended * away - 0.000001)
if room > 0 then room = math.max(1, math.floor(room * share)) end
local left = room - redis.call('ZCARD', KEYS[1])
local wait = 0
if not opens then
  wait = 200
elseif till > at then
  wait = till - at
else
  local shut = tonumber(opens) + tonumber(lost) * (window + longest)
  if shut > at then wait = shut - at end
end
if wait > 0 then left = 0 end
local granted = math.max(0, math.min(want, left))
if want > 0 and granted > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', at)
  local others, queries = 0, 0
  for _, other in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if string.sub(other, 3) ~= me then
      others = others + 1
      if string.sub(other, 1, 1) == 'q' then queries = queries + 1 end
    end
  end
  if others > 0 then
    local mine = 0
    for _, call in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      if string.sub(call, 1, #me + 1) == me .. ':' then mine = mine + 1 end
    end
    granted = math.min(granted, math.max(math.ceil(room / (others + 1)) - mine, left - others))
    if not is_query then granted = math.min(granted, left - queries) end
    granted = math.max(0, granted)
    if granted < want and granted < left then wait = math.max(wait, 20) end
  end
end
for i = first, first + granted - 1 do redis.call('ZADD', KEYS[1], at + longest + window, me .. ':' .. i) end
if want > granted then
  if wait == 0 then
    local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
    wait = next and math.min(250, math.max(5, tonumber(next) - at)) or 250
  end
  redis.call('ZADD', KEYS[3], at + math.min(wait, 1000) + 500, (is_query and 'q:' or 'w:') .. me)
  redis.call('PEXPIRE', KEYS[3], 5000)
elseif want > 0 then
  redis.call('ZREM', KEYS[3], 'q:' .. me, 'w:' .. me)
end
local pause = math.max(0, till - at)
return {granted, string.format('%.0f', wait), math.max(0, left - granted), string.format('%.0f', pause)}
"""
)
"""Keys: calls, pace, waiting, opens, away. Values: session, calls wanted, number of the first, the account's limit, the
common part of it, window (ms), longest call (ms), the calls that are shared out among those who are away, whether a
query waits, how many have ended, how many were not made, and the names of those. Returns how many may be made, when to
ask again (ms), how many are left, and a pause (ms).

Fair: while others wait, nobody gets more than an equal part, unless there is enough for all; and watches leave what is
left to the queries of others.
"""

SLOW: Final = Script(
    _PACE
    + """
local started, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
till = math.max(till, at + pause)
if started >= cut then share, cut = math.max(0.0625, share / 2), at end
redis.call('HSET', KEYS[2], 'share', string.format('%.6f', share), 'cut', string.format('%.0f', cut),
  'till', string.format('%.0f', till))
redis.call('PEXPIRE', KEYS[2], math.max(recovery, till - at) + recovery)
return {share}
"""
)
"""Keys: calls, pace. Values: when the call began that was answered with "too many" (ms), how long to pause (ms)."""

REPORT: Final = Script(
    """
local at = now()
for i = 1, tonumber(ARGV[3]) do redis.call('ZADD', KEYS[1], at + tonumber(ARGV[2]), ARGV[1] .. ':away' .. i) end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) * 2)
return {string.format('%.0f', at)}
"""
)
"""Keys: calls. Values: session, how long they count (ms), how many calls were made without the server."""
