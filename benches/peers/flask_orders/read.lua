-- Orders read at random, for wrk. Arguments: the largest order id; milliseconds that each connection waits between two
-- requests, none for as fast as it goes. The last line is for `cargo xtask bench service`.

local orders = 1

function init(arguments)
   orders = tonumber(arguments[1])
   local pause = tonumber(arguments[2] or "0")
   if pause > 0 then
      delay = function() return pause end
   end
end

function request()
   return wrk.format("GET", "/api/order/" .. math.random(orders))
end

function done(summary, latency)
   local errors = summary.errors
   print(string.format("RESULT %d %d %d %d %d %d",
      summary.requests, summary.duration,
      latency:percentile(50), latency:percentile(95), latency:percentile(99),
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
