"""The scripts by which replicas know of each other: who is alive, whose work is left behind, whose share is what."""

from __future__ import annotations

from typing import Final

from gateway.core.cluster.server import Script

BEAT: Final = Script(
    """
local me, name, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local has, was_member = tonumber(ARGV[4]), ARGV[5] == '1'
local settle, extended, reserved = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local margin, quiet, sent = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local has_extended, age = tonumber(ARGV[13]), tonumber(ARGV[14])
local function keep(id, till, share, wide)
  redis.call('HSET', KEYS[1], id, string.format('%.0f|%.9f|%.9f', till, share, wide))
end
local function read(member)
  local till, share, wide = string.match(member or '', '^(%d+)|([%d.]+)|([%d.]+)$')
  return tonumber(till), tonumber(share), tonumber(wide)
end
local at = now()
local until_when = ttl + (sent > 0 and math.min(at, sent) or at)
local own = redis.call('HGET', KEYS[1], me)
local opens, lost = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+)|(%d)$')
local has_forgotten = was_member and not own and (not opens or at - opens < reserved)
if has_forgotten then  -- who else was a member? What nobody comes back for is kept for them
  local since, kept, wide = read(redis.call('HGET', KEYS[1], '?'))
  if lost ~= '1' then kept, wide = 1, 1 end
  kept, wide = math.max(0, (kept or 0) - has), math.max(0, (wide or 0) - has_extended)
  keep('?', since or at, kept, wide)
  if kept + wide < 0.000001 then redis.call('HDEL', KEYS[1], '?') end
end
if not opens or has_forgotten then
  opens, lost = at + settle, has_forgotten and 1 or (lost or 0)
  redis.call('SET', KEYS[2], string.format('%.0f|%d', opens, lost))
end
local alive, away, others, known, others_extended, known_extended = {}, 0, 0, 1, 0, 1
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local id = all[i]
  if id ~= me then
    local till, share, wide = read(all[i + 1])
    local is_former = till <= at and till <= at - age + ttl and string.sub(id, 1, #name + 1) == name .. '/'
    if is_former and till + quiet <= at and till + extended > at + margin then
      till = at + margin - extended  -- it is dead, and what it did last counts for a while
      keep(id, till, share, wide)
    end
    if (is_former and (till + quiet > at or till + extended <= at)) or till + reserved <= at then
      redis.call('HDEL', KEYS[1], id)  -- also: it died before it went on alone
    else
      others, known = others + share, known + 1
      if till > at then alive[#alive + 1] = id elseif till + extended > at then away = away + wide end
      if till + extended > at then others_extended, known_extended = others_extended + wide, known_extended + 1 end
    end
  end
end
local may = math.min(1 / known, math.max(0, 1 - others))
local may_extended = math.min(1 / known_extended, math.max(0, 1 - others_extended))
if at < tonumber(opens) then may, may_extended = math.min(has, may), math.min(has_extended, may_extended) end
keep(me, until_when, math.max(has, may), math.max(has_extended, may_extended))
redis.call('SET', KEYS[3], string.format('%.9f', away))
local living = {[me] = true}
for _, id in ipairs(alive) do living[id] = true end
local gone = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  if not living[id] then
    if redis.call('SCARD', ARGV[9] .. id) == 0 then redis.call('SREM', KEYS[4], id) else gone[#gone + 1] = id end
  end
end
local lapsed = (own and tonumber(string.match(own, '^%d+')) > at) and 0 or 1
local held = redis.call('SCARD', ARGV[9] .. me)
local shares = {string.format('%.9f', may), string.format('%.9f', may_extended)}
return {string.format('%.0f', at), lapsed, shares, known, alive, gone, held}
"""
)
"""Keys: members, opens, away, owners. Values: session, name, lifetime (ms), the reserved share it uses now, whether it
was a member before, how long after a start nothing new is shared out (ms), how long a lost member's extended and
reserved share is kept (ms), start of the keys of owned batches, how long calls count (ms), for how long a lost member
surely keeps to its reserve (ms), when this was sent at the latest (ms; 0 where that is not known): a server that was
held up does not keep a member alive by what it was told before; the extended share it uses now, and how old the session
is (ms): who lived on beside it, under the same name, is not what it was before. Returns the time, whether it had not
been alive, the two shares that it may use from now on, how many members are counted, the other living sessions, the
dead ones that left batches, and how many batches are this session's.

A server that has forgotten its members does not know who of them is away: the share that nobody returns with stands as
that of a lost member, '?'.

There are two shares: of the reserves, and of all the budgets, which counts while the server is lost. Each is kept for a
lost member for as long as it may use it: the second not for long, so that who takes the place of the dead has one.

Shares never add up to more than 1: a member's share counts as the larger of what it says that it uses and what it is
told, so that an answer that is lost on the way does no harm, and a new member gets what the others have given up.
"""

KNOCK: Final = Script("return {string.format('%.0f', now())}")
"""Returns the time."""

LEAVE: Final = Script(
    """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PUBLISH', KEYS[2], ARGV[2])
return {string.format('%.0f', now())}
"""
)
"""Keys: members, channel. Values: session, message."""

_CLAIMING: Final = """
local me, at = ARGV[1], now()
local living = {}
local function lives(session)
  if living[session] == nil then
    local till = string.match(redis.call('HGET', KEYS[1], session) or '', '^(%d+)')
    living[session] = till ~= nil and tonumber(till) > at
  end
  return living[session]
end
local function fence()
  local next = math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, at)
  redis.call('SET', KEYS[4], string.format('%.0f', next))
  return string.format('%.0f', next)
end
local function take(batch, from)
  local token = fence()
  if from then redis.call('SREM', ARGV[2] .. from, batch) end
  redis.call('HSET', KEYS[2], batch, me .. '|' .. token)
  redis.call('SADD', ARGV[2] .. me, batch)
  redis.call('SADD', KEYS[3], me)
  return token
end
"""

CLAIM: Final = Script(
    _CLAIMING
    + """
local told = {string.format('%.0f', at)}
for i = 3, #ARGV, 2 do
  local batch, state = ARGV[i], KEYS[5 + (i - 1) / 2]
  redis.call('ZADD', KEYS[5], 'NX', ARGV[i + 1], batch)
  local owner, token = string.match(redis.call('HGET', KEYS[2], batch) or '', '^(.*)|(%d+)$')
  if owner ~= me and not (owner and lives(owner)) then
    token = lives(me) and take(batch, owner) or ''
  elseif owner ~= me then
    token = ''
  end
  told[#told + 1] = {token, redis.call('ZSCORE', KEYS[5], batch), redis.call('GETRANGE', state, 1, 12)}
end
return told
"""
)
"""Keys: members, leases, owners, fence, watches, then the state of each batch. Values: session, start of the keys of
owned batches, then each batch and when its watch began (ms). Returns the time, then for each batch the token under
which it is this session's, or '' where it is another's; when its watch began; and the version of its state."""

INHERIT: Final = Script(
    _CLAIMING
    + """
local told = {string.format('%.0f', at)}
if lives(ARGV[3]) or not lives(me) then return told end
for _, batch in ipairs(redis.call('SPOP', ARGV[2] .. ARGV[3], ARGV[4])) do
  local owner = string.match(redis.call('HGET', KEYS[2], batch) or '', '^(.*)|%d+$')
  if owner == ARGV[3] then
    told[#told + 1] = {batch, take(batch), redis.call('ZSCORE', KEYS[5], batch) or string.format('%.0f', at)}
  end
end
return told
"""
)
"""Keys: members, leases, owners, fence, watches. Values: session, start of the keys of owned batches, a dead session,
how many. Returns the time, then batches that were the dead session's: name, token, when the watch began (ms)."""

HELD: Final = Script("return redis.call('SMEMBERS', KEYS[1])")
"""Keys: owned batches of a session. Returns them."""

RELEASE: Final = Script(
    """
for i = 3, #ARGV do
  local owner = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^(.*)|%d+$')
  if owner == ARGV[1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
  redis.call('SREM', ARGV[2] .. ARGV[1], ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now() - 604800000))
return {string.format('%.0f', now())}
"""
)
"""Keys: leases, watches. Values: session, start of the keys of owned batches, then batches whose watch has ended. What
has been on the list for a week was forgotten by everybody."""
