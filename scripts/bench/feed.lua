-- wrk: each request is another person's. PEOPLE names the file of tokens, FEED_PATH the route.
local requests, next_one = {}, 0

local threads = 0
function setup(thread)
  thread:set("first", threads * 5003)
  threads = threads + 1
end

function init()
  local file = assert(io.open(os.getenv("PEOPLE")))
  for token in file:read("*a"):gmatch('"token":"([^"]+)"') do
    requests[#requests + 1] = wrk.format("GET", os.getenv("FEED_PATH"), { Authorization = "Bearer " .. token, Host = "127.0.0.1" })
  end
  file:close()
  next_one = first
end

function request()
  next_one = next_one + 1
  return requests[next_one % #requests + 1]
end

function done(summary, latency)
  local seconds = summary.duration / 1e6
  local e = summary.errors
  io.write(string.format("%d %.1f %.2f %.2f %.2f %.0f %d\n", summary.requests, summary.requests / seconds,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.bytes / summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
