"""The scripts that decide, in one place for all replicas, which reading of a batch is to be believed.

A later rank always wins and never falls back: a terminal state seen by anybody is true, however late it is told. Within
a rank, a reading replaces another only where it is certainly later: its question went out after the other's answer had
come, by the server's clock. And what was written under a newer lease is not replaced under an older one.
"""

from __future__ import annotations

from typing import Final

from gateway.core.cluster.server import Script

_HEAD: Final = """
local head = redis.call('GETRANGE', KEYS[1], 0, 36)
local rank, known = head:sub(1, 1), head:sub(2, 13)
local read, held = head:sub(14, 25), head:sub(26, 37)
local function hex(n) return string.format('%012x', n) end
local function follows(asked, fence, base)
  if fence ~= '' and fence < held then return false end
  if fence ~= '' and fence == held and base == known then return true end
  return asked >= read or read > hex(now() + 1000)
end
"""

PUT: Final = Script(
    _HEAD
    + """
local version, base, asked, done, fence, packed = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[8]
if #head == 37 then
  local good = rank < ARGV[1]
  if rank == ARGV[1] then good = follows(asked, fence, base) and (rank ~= '3' or base == known) end
  if not good then return {0, redis.call('GET', KEYS[1])} end
  if version <= known then version = hex(tonumber(known, 16) + 1) end
  if fence < held then fence = held end
elseif fence == '' then
  fence = hex(0)
end
redis.call('SET', KEYS[1], ARGV[1] .. version .. done .. fence .. packed, 'PX', ARGV[7])
redis.call('PUBLISH', KEYS[2], ARGV[9])
return {1, version}
"""
)
"""Keys: state, channel. Values: rank, version, version it follows, asked, read, fence or '', lifetime (ms), state,
message. Returns 1 and the version under which it was written, or 0 and the state that stands."""

CONFIRM: Final = Script(
    _HEAD
    + """
if #head ~= 37 then return {2} end
if known ~= ARGV[1] then return {0, redis.call('GET', KEYS[1])} end
if ARGV[2] > read and follows(ARGV[2], ARGV[3], known) then redis.call('SETRANGE', KEYS[1], 13, ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1}
"""
)
"""Keys: state. Values: version, read, fence or '', lifetime (ms). Returns 1, or 2 where nothing is kept, or 0 and the
state that stands."""

PEEK: Final = Script(
    """
local head = redis.call('GETRANGE', KEYS[1], 0, 36)
if head:sub(2, 13) == ARGV[1] then return head end
return redis.call('GET', KEYS[1])
"""
)
"""Keys: state. Values: the version at hand. Returns its head where that is the newest, else the whole."""

RANKS: Final = Script(
    """
local ranks = {}
for i = 1, tonumber(ARGV[1]) do ranks[i] = redis.call('GETRANGE', KEYS[i], 0, 0) end
return ranks
"""
)
"""Keys: states. Value: how many. Returns the rank of each, or '' where nothing is kept."""

RESTORE: Final = Script("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')")
"""Keys: state. Values: a state with its head, lifetime (ms). It was told before, so nobody is told again."""
