-- POSTs the body that stands in a file (first argument), with "{n}" replaced by a number counted up from the second;
-- the others are headers.
-- Prints one line of JSON at the end.
local before, after, number, plain

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local body = file:read("*a")
  file:close()
  wrk.method = "POST"
  for at = 3, #args do
    local name, value = args[at]:match("^(.-): (.*)$")
    wrk.headers[name] = value
  end
  local from, to = body:find("{n}", 1, true)
  number = tonumber(args[2])
  if from then
    before, after = body:sub(1, from - 1), body:sub(to + 1)
  else
    plain = wrk.format(nil, nil, nil, body)
  end
end

function request()
  if plain then return plain end
  number = number + 1
  return wrk.format(nil, nil, nil, before .. number .. after)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
