-- wrk: posts leads that nobody has sent before, with the key in BENCH_KEY; with BENCH_IDEMPOTENCY each under an
-- Idempotency-Key of its own.
local run = os.getenv("BENCH_RUN")
local serial = 0
local idempotent = os.getenv("BENCH_IDEMPOTENCY")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")

local body = '{"person":{"email":"ana.%d@%s-%d.example","first_name":"Ana","last_name":"Lee","title":"VP Sales"},'
   .. '"company":{"employees":120,"industry":"software","country":"US"},'
   .. '"source":{"channel":"website","form_id":"demo","page_url":"https://www.example.com/demo?plan=team"},'
   .. '"message":"We lose two days a week to hand-made reports and want to have that solved before the summer.",'
   .. '"consent":{"marketing":true}}'

function request()
   serial = serial + 1
   if idempotent then
      wrk.headers["Idempotency-Key"] = ("%s-%d"):format(run, serial)
   end
   return wrk.format(nil, nil, nil, body:format(serial, run, serial))
end
