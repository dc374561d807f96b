"""Faults in the default policy: each is reported as an error or a warning, at its position.

A case changes one text of the default files; `¦` in the new text marks the expected line and column.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.integrations.catalog import built_in_integrations
from shared.integrations.installed import known_integrations
from shared.policy.load import read_policy, texts_in, unread_files
from shared.rules.findings import Severity

DEFAULT = texts_in(Path("config"))
MARK = "¦"


KNOWN = known_integrations(built_in_integrations())


@dataclass(frozen=True)
class Fault:
    file: str
    old: str
    new: str
    path: str
    message: str
    warning: bool = False
    note: bool = False


SIZE = "{field: company.employees, between: [50, 999]}"
STRATEGIC = "{any: [{field: company.employees, gte: 1000}, {field: account.relation, eq: target}]}"

FORM = (
    # YAML
    Fault("icp.yaml", "between: [50, 999]}", "between: [50, 999¦}", "", "not YAML"),
    Fault("icp.yaml", "\nsegments:", "\n¦markets:", "", 'the key "markets" is there already, in line 4'),
    Fault(
        "icp.yaml",
        "    validated: true",
        "    validated: true\n    ¦validated: false",
        "",
        "already, in line 6",
    ),
    Fault("icp.yaml", "  - name: core", "  - name: ¦&core core", "", "anchors"),
    Fault("icp.yaml", "  - name: core", "  - name: ¦*core", "", "aliases"),
    Fault("icp.yaml", "validated: true", "validated: ¦!!bool true", "", "tags are not read"),
    Fault("icp.yaml", "between: [50, 999]", "between: [50, ¦9999999999999999999]", "", "more than 18 digits"),
    Fault("sources.yaml", "sources:", "a: b\n¦---\nsources:", "", "more than one document"),
    # keys and types
    Fault(
        "icp.yaml",
        "    validated: true",
        "    ¦valdated: true",
        "markets[0].valdated",
        'did you mean "validated"?',
    ),
    Fault("icp.yaml", "- {name: too-small, ", "- ¦{", "segments[0].disqualify[0]", "name is missing"),
    Fault(
        "icp.yaml", "validated: true", "validated: ¦yes", "markets[0].validated", 'true or false, not "yes"'
    ),
    Fault(
        "icp.yaml",
        "points: 35",
        "points: ¦35.5",
        "segments[0].criteria[0].levels[0].points",
        "a whole number",
    ),
    Fault(
        "icp.yaml", "points: 35", "points: ¦135", "segments[0].criteria[0].levels[0].points", "from 0 to 100"
    ),
    Fault(
        "icp.yaml",
        "name: geography",
        "name: ¦size",
        "segments[0].criteria[3].name",
        '"size" is there already',
    ),
    Fault("icp.yaml", "name: tools", "name: ¦5", "segments[0].criteria[4].name", "write '5' in quotes"),
    Fault("icp.yaml", "name: tools", "name: ¦our tools", "segments[0].criteria[4].name", "without spaces"),
    Fault(
        "scoring.yaml",
        "half_life: 14d, max: 90",
        "half_life: ¦2w, max: 90",
        "intent.rules[0].half_life",
        "a duration",
    ),
    Fault(
        "scoring.yaml",
        "half_life: 14d, max: 90",
        "half_life: ¦4h business, max: 90",
        "intent.rules[0].half_life",
        "business time is for accept_within and ladders",
    ),
    Fault("scoring.yaml", "{band: mql,", "{band: ¦mqll,", "bands[1].band", 'did you mean "mql"?'),
    Fault("team.yaml", "reps:", "reps: ¦{}\nx:", "reps", "should be a list"),
    Fault(
        "providers.yaml",
        "key_env: PDL_API_KEY",
        "key_env: ¦pdl-key",
        "providers.peopledatalabs.key_env",
        "upper case",
    ),
    Fault(
        "scoring.yaml",
        "fit: {A: 75, B: 50, C: 25, D: 0}",
        "fit: ¦5",
        "grades.fit",
        "a mapping with A, B, C, D",
    ),
    Fault(
        "sources.yaml",
        "defaults: {channel: website}",
        "defaults: ¦5",
        "sources.website.defaults",
        "a mapping with known keys",
    ),
    Fault("routing.yaml", "\nqueues:", "\nqueues: ¦[]\nx:", "queues", "a mapping of names"),
    Fault("routing.yaml", "\nqueues:", "\nqueues: ¦{}\nx:", "queues", "should not be empty"),
    Fault("routing.yaml", "rules:\n", "rules: ¦[]\nx:\n", "rules", "should not be empty"),
    Fault(
        "routing.yaml",
        "  bdr: {accept",
        "  ¦b d r: {accept_within: 1h}\n  bdr: {accept",
        'queues["b d r"]',
        "without spaces",
    ),
    Fault(
        "routing.yaml",
        "alert_owner_when:",
        "¦colour: red\nalert_owner_when:",
        "colour",
        "there are rules, queues",
    ),
    Fault(
        "routing.yaml",
        "conditions:\n",
        "conditions: ¦5\nx:\n",
        "conditions",
        "a mapping of names",
    ),
    Fault("team.yaml", "name: Ana Ruiz", "name: ¦[Ana]", "reps[0].name", "one value, not a list"),
    Fault("team.yaml", "name: Ana Ruiz", "name: ¦{}", "reps[0].name", "one value, not a mapping"),
    Fault("team.yaml", "name: Ana Ruiz", "name: ¦''", "reps[0].name", "should not be empty"),
    Fault("team.yaml", "name: Ana Ruiz", f"name: ¦{'a' * 201}", "reps[0].name", "200 characters at most"),
    Fault(
        "team.yaml",
        "queues: [sdr]",
        f"queues: ¦[{', '.join(f'q{n}' for n in range(21))}]",
        "reps[0].queues",
        "has 21 entries; 20 is the most",
    ),
    Fault(
        "team.yaml", "queues: [sdr]", "queues: [sdr, ¦sdr]", "reps[0].queues[1]", "there already, in line 7"
    ),
    # conditions
    Fault(
        "icp.yaml",
        SIZE,
        "{field: ¦company.employes, gte: 5}",
        "segments[0].criteria[0].levels[0].when.field",
        'unknown field "company.employes"; did you mean "company.employees"?',
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: company.employees, ¦starts_with: 5}",
        "segments[0].criteria[0].levels[0].when.starts_with",
        "has no operator starts_with",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: company.employees, ¦betwen: [1, 2]}",
        "segments[0].criteria[0].levels[0].when.betwen",
        'did you mean "between"?',
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: company.employees, between: ¦[999, 50]}",
        "segments[0].criteria[0].levels[0].when.between",
        "no value is between 999 and 50",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: company.employees, gte: ¦'50'}",
        "segments[0].criteria[0].levels[0].when.gte",
        "a whole number",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: company.employees, gte: 5, ¦lt: 9}",
        "segments[0].criteria[0].levels[0].when.lt",
        "one operator",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "¦{field: company.employees}",
        "segments[0].criteria[0].levels[0].when",
        "one operator",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{any: [{field: company.employees, gte: 5}], ¦all: []}",
        "segments[0].criteria[0].levels[0].when.all",
        "side by side",
    ),
    Fault("icp.yaml", SIZE, "{¦any: []}", "segments[0].criteria[0].levels[0].when.any", "at least one"),
    Fault("icp.yaml", SIZE, "{¦al: []}", "segments[0].criteria[0].levels[0].when.al", 'did you mean "all"?'),
    Fault("icp.yaml", SIZE, "¦5", "segments[0].criteria[0].levels[0].when", "should be a condition"),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: ¦score.fit, gte: 5}",
        "segments[0].criteria[0].levels[0].when.field",
        "only known in bands and routing",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: account.relation, ¦exists: true}".replace("¦exists: ", "exists: ¦"),
        "segments[0].criteria[0].levels[0].when.exists",
        "never missing",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: person.title, matches: ¦'(a'}",
        "segments[0].criteria[0].levels[0].when.matches",
        "not a pattern",
    ),
    Fault(
        "icp.yaml",
        SIZE,
        "{field: person.title, matches: ¦'(a)\\1'}",
        "segments[0].criteria[0].levels[0].when.matches",
        "not a pattern",
    ),
    Fault("icp.yaml", "[US, CA,", "[US, ¦UK,", "markets[0].when.in[1]", '"UK" is no country code'),
    Fault(
        "icp.yaml",
        "[cxo, vp,",
        "[cxo, ¦vpp,",
        "segments[0].criteria[2].levels[0].when.in[1]",
        'did you mean "vp"?',
    ),
    Fault(
        "icp.yaml",
        "within: 365d",
        "within: ¦a year",
        "segments[0].criteria[5].levels[0].when.any[0].within",
        "a duration",
    ),
    Fault(
        "routing.yaml",
        "eq: senior-ae}\n            - {use: new_market}",
        "eq: senior-ae}\n            - {use: ¦new_markt}",
        "rules[0].when.all[1].any[2].use",
        'did you mean "new_market"?',
    ),
    Fault(
        "routing.yaml",
        "      - {field: account.relation, eq: partner}\n",
        "      - {use: partner}\n",
        "conditions.partner",
        "uses itself: partner -> partner",
    ),
    Fault("routing.yaml", "gte: 80", "gte: ¦800", "suppress[4].when.gte", "out of range"),
)

MEANING = (
    Fault("icp.yaml", "points: 35", "points: 30", "segments[0].criteria", "add up to 95, not to 100"),
    Fault("icp.yaml", SIZE, "{¦all: [{field: company.employees, lt: 5}, {field: company.employees, gt: 7}]}".replace("{¦", "¦{"), "segments[0].criteria[0].levels[0].when", "no value can make this true"),
    Fault("icp.yaml", SIZE, "{any: [{field: company.employees, gte: 5}, ¦{all: [{field: account.market_validated, eq: true}, {field: account.market_validated, ne: true}]}]}", "segments[0].criteria[0].levels[0].when.any[1]", "no value can make this true"),
    Fault("icp.yaml", "between: [20, 49]", "between: [60, 70]", "segments[0].criteria[0].levels[2]", "size[0] comes first and covers it", warning=True),
    Fault("icp.yaml", "segments:", "conditions: {big: ¦{field: company.employees, gte: 5000}}\nsegments:", "conditions.big", "nothing uses big", warning=True),
    Fault("scoring.yaml", "max: 10, group: web}", "max: 10, group: ¦wep}", "intent.rules[4].group", 'did you mean "web"?'),
    Fault("scoring.yaml", "groups: {web: 40}", "groups: {web: 40, mail: ¦10}", "intent.groups.mail", "no rule is in the group", warning=True),
    Fault("scoring.yaml", "on: demo_request,", "on: ¦demo_requests,", "intent.rules[0].on", 'did you mean "demo_request"?', warning=True),
    Fault("scoring.yaml", "on: funding_round,", "on: ¦funding,", "intent.signals[0].on", "no signal is known", warning=True),
    Fault("scoring.yaml", "half_life: 14d, max: 90", "half_life: 14d, max: ¦9", "intent.rules[0].max", "all together 9 at most", warning=True),
    Fault("scoring.yaml", "- {name: hiring, on: hiring_surge, points: 20, half_life: 45d}", "- ¦{name: hiring, on: hiring_surge, points: 20}", "intent.signals[4]", "either half_life or rises"),
    Fault("scoring.yaml", "rises: 90d, ends: 30d,", "rises: 90d,", "intent.signals[2]", "rises and ends go together"),
    Fault("scoring.yaml", "fit: {A: 75, B: 50,", "fit: {A: 75, B: ¦80,", "grades.fit.B", "should be below 75"),
    Fault("scoring.yaml", "3: 25, 4: 0}", "3: 25, 4: ¦5}", 'grades.intent["4"]', "should be 0"),
    Fault("scoring.yaml", "hysteresis: 5 ", "hysteresis: ¦30 ", "grades.hysteresis", "more than the distance of", warning=True),
    Fault("scoring.yaml", "cap: 100", "cap: 60", 'grades.intent["1"]', "nobody reaches grade 1: intent is 60 at most", warning=True),
    Fault("scoring.yaml", "total: {fit: 50,", "total: ¦{fit: 60,", "total", "110 per cent"),
    Fault("scoring.yaml", "  - {band: cold}\n", "", "bands[1]", "last rule should have no condition"),
    Fault("scoring.yaml", "  - {band: mql,", "  - {band: cold,", "bands", "no lead is ever in the band mql", warning=True),
    Fault("scoring.yaml", "in: [A3, B2, B3, C1, C2]", "in: [A1, A2]", "bands[1]", "never applies", warning=True),
    Fault("scoring.yaml", "{field: score.grade, in: [A1, A2, B1]}", "{field: score.segment, eq: ¦mid-market}", "bands[0].when.eq", "there is no segment", warning=True),
    Fault("routing.yaml", "  - {name: nurture, queue: sdr, motion: nurture}\n", "", "rules[5]", "last rule should have no condition"),
    Fault("routing.yaml", "{name: new-market, when: {use: new_market}, queue: bdr}", "¦{name: new-market, queue: bdr}", "rules[1]", "so nothing after it applies"),
    Fault("routing.yaml", "when: {use: partner}, queue: bdr", "when: {use: new_market}, queue: bdr", "rules[2]", "new-market comes first and covers it", warning=True),
    Fault("routing.yaml", "- name: strategic", "- ¦name: strategic", "rules[4]", "overlaps rules before it", note=True),
    Fault("routing.yaml", "when: {use: high_intent}, queue: senior-ae", "when: {use: high_intent}, queue: ¦senior-ea", "rules[3].queue", 'did you mean "senior-ae"?'),
    Fault("routing.yaml", "    queue: keep\n    owner: keep\n", "    queue: keep\n", "rules[0]", "owner: keep is missing"),
    Fault("routing.yaml", "- {field: owner.active, eq: true}", "- {field: company.employees, exists: true}", "rules[0]", "may match a lead without owner"),
    Fault("routing.yaml", "{field: owner.queue, eq: senior-ae}", "{field: owner.queue, eq: senior}", "rules[0].when.all[1].any[1].eq", "there is no queue", warning=True),
    Fault("routing.yaml", "fallback: sdr,", "fallback: ¦sdrs,", "queues.senior-ae.fallback", 'did you mean "sdr"?'),
    Fault("routing.yaml", "sdr: {accept_within: 4h business,", "sdr: {fallback: ¦senior-ae, accept_within: 4h business,", "queues.sdr.fallback", "form a circle: sdr -> senior-ae -> sdr"),
    Fault("routing.yaml", "  bdr: {accept", "  csm: ¦{accept_within: 1h}\n  bdr: {accept", "queues.csm", "no rule sends a lead to csm", warning=True),
    Fault("routing.yaml", 'fallback: sdr, destination: {url: "", secret_env: ""}', 'fallback: sdr, destination: {url: ¦"ftp://x", secret_env: A}', "queues.senior-ae.destination.url", "http or https"),
    Fault("routing.yaml", 'fallback: sdr, destination: {url: ""', 'fallback: sdr, destination: ¦{url: "https://x.example"', "queues.senior-ae.destination", "secret_env should name"),
    Fault("routing.yaml", "known_first: {}", "known_first: {senior-ae: [need, ¦bugdet]}", "hand_off.known_first.senior-ae[1]", 'did you mean "budget"?', warning=True),
    Fault("routing.yaml", "joins: []", "joins: [¦se]", "hand_off.joins[0]", 'there is no queue "se"'),
    Fault("routing.yaml", "credit_back: [bad_data", "credit_back: [¦bad_dat", "credit_back[0]", 'did you mean "bad_data"?'),
    Fault("routing.yaml", "do: recycle, after: 90d}", "do: recycle}", "reject[1]", "after and do: recycle go together"),
    Fault("team.yaml", "queues: [bdr], weight: 100, max_open: 40}\n  - {id: bdr-2", "queues: [¦bdrs], weight: 100, max_open: 40}\n  - {id: bdr-2", "reps[4].queues[0]", 'did you mean "bdr"?'),
    Fault("team.yaml", "id: sdr-2", "id: ¦sdr-1", "reps[1].id", "there already, in line 7"),
    Fault("team.yaml", "weight: 50, max_open: 30", "time_zone: ¦America/NewYork", "reps[3].time_zone", 'did you mean "America/New_York"?'),
    Fault("team.yaml", "weight: 50, max_open: 30", "hours: ¦Mon-Fri 09:00-17:00", "reps[3].hours", "hours need a time_zone"),
    Fault("team.yaml", "weight: 50, max_open: 30", "time_zone: UTC, hours: ¦Mon-Fri 9-5", "reps[3].hours", "should be hours such as"),
    Fault("team.yaml", "weight: 50, max_open: 30", "away: [{from: 2026-12-20, to: ¦9999-12-31}]", "reps[3].away[0].to", "a day of the years 1900 to 2999"),
    Fault("team.yaml", "weight: 50, max_open: 30", "away: [{from: ¦2026-02-30, to: 2026-03-01}]", "reps[3].away[0].from", "a day that exists"),
    Fault("team.yaml", "weight: 100, max_open: 25}\n  - {id: ae-2, name: Greta Lind, queues: [senior-ae], weight: 100", "weight: 0}\n  - {id: ae-2, name: Greta Lind, queues: [bdr]", "reps", "nobody gets leads of the queue senior-ae", warning=True),
    Fault("routing.yaml", "accept_within: 15m, distribute: weighted,", "accept_within: 15m, distribute: ¦most_room,", "queues.senior-ae.distribute", "should be weighted or in_order or least_open or most_capacity"),
    Fault("routing.yaml", "accept_within: 15m,", "accept_within: 15m, ladder: [{after: 15m, do: remind}, {after: ¦10m, do: fallback}],", "queues.senior-ae.ladder[1].after", "each step comes later than the one before"),
    Fault("routing.yaml", "accept_within: 15m,", "accept_within: 15m, ladder: [¦{after: 15m, do: remind, to: manager}],", "queues.senior-ae.ladder[0]", "do: escalate and to go together"),
    Fault("routing.yaml", "accept_within: 4h business,", "accept_within: 4h business, ladder: [{after: 15m, do: ¦fallback}],", "queues.sdr.ladder[0].do", "the queue has no fallback"),
    Fault("routing.yaml", "accept_within: 15m,", "accept_within: 15m, ladder: [{after: 15m, do: fallback}, ¦{after: 20m, do: remind}],", "queues.senior-ae.ladder[1]", "gone to the fallback before this step", warning=True),
    Fault("team.yaml", "reps:\n  - {id: sdr-1,", "calendars: {us: {holidays: US}}\nreps:\n  - {id: sdr-1, calendar: ¦us,", "reps[0].calendar", "at midnight of UTC", warning=True),
    Fault("team.yaml", "reps:\n  - {id: sdr-1,", "calendars: {us: {holidays: ¦DE-BX}}\nreps:\n  - {id: sdr-1, time_zone: UTC, calendar: us,", "calendars.us.holidays", 'no holidays are known of "DE-BX"'),
    Fault("accounts.yaml", "northpeak.example", "¦north peak", "target[1]", "is no domain"),
    Fault("accounts.yaml", "[rivalworks.example]", "[¦TargetWorks.example]", "competitor[0]", "in target already"),
    Fault("providers.yaml", "{order: [clearbit, apollo]", "{order: [¦clearbitt, apollo]", 'fields["company.technologies"].order[0]', 'did you mean "clearbit"?'),
    Fault("providers.yaml", "company.revenue_usd:", "company.revenue:", 'fields["company.revenue"]', 'did you mean "company.revenue_usd"?'),
    Fault("providers.yaml", "http://127.0.0.1:8090/hunter", "¦127.0.0.1:8090/hunter", "providers.hunter.base_url", "http or https"),
    Fault("providers.yaml", "price_cents: 12", "price_cents: ¦70", "providers.clearbit.price_cents", "costs more than the 60 cents", warning=True),
    Fault("providers.yaml", "deadline: 8s", "deadline: 1s", "providers.peopledatalabs.timeout", "longer than the deadline", warning=True),
    Fault("providers.yaml", "order: [hunter, zerobounce]", "order: [hunter]", "providers.zerobounce", "no field has zerobounce in its order", warning=True),
    Fault("sources.yaml", '["*"]', '[¦"https://www.example.com/form"]', "sources.website.origins[0]", "is no origin"),
    Fault("sources.yaml", '"https://www.example.com/"', '¦"javascript:alert(1)"', "sources.website.redirects[0]", "no http or https address"),
    Fault("sources.yaml", "kind: form", "kind: ¦forms", "sources.website.kind", 'did you mean "form"?'),
    Fault("sources.yaml", "public: true", "map: {Vorname: ¦person.firstname}\n    public: true", "sources.website.map.Vorname", 'did you mean "person.first_name"?'),
    Fault("sources.yaml", "public: true", "map: {Vorname: ¦answers.}\n    public: true", "sources.website.map.Vorname", "no field of forms"),
    Fault("sources.yaml", "kind: form\n    public: true", "¦kind: form", "sources.website", "secret_env is missing"),
    Fault("sources.yaml", "public: true", "public: true\n    secret_env: ¦TOKEN", "sources.website.secret_env", "a public source has no secret"),
    Fault("sources.yaml", "public: true", "public: true\n    signature: ¦hub", "sources.website.signature", "a public source has no signature"),
    Fault("sources.yaml", "trust: public", "trust: ¦anybody", "sources.website.trust", "public or signed or internal"),
    Fault("sources.yaml", "trust: public", "trust: ¦internal", "sources.website.trust", "anybody may post here", warning=True),
    Fault("sources.yaml", "opt_out: alert", "opt_out: ¦ignore", "sources.website.opt_out", "suppress or alert"),
    Fault("sources.yaml", "[_gotcha, bot-field, website_url]", "[a, ¦a]", "sources.website.honeypot[1]", "is there already"),
    Fault("sources.yaml", "per_minute: 1200", "per_minute: ¦0", "sources.website.limits.per_minute", "from 1 to"),
    Fault("sources.yaml", "per_minute: 1200", "¦per_hour: 5", "sources.website.limits.per_hour", "unknown key"),
    Fault("sources.yaml", "{field: form.name, contains: demo}", "{field: ¦form.nam, contains: demo}", "sources.website.activities[0].when.any[0].field", 'did you mean "form.name"?'),
    Fault("sources.yaml", "{field: form.name, contains: demo}", "{field: ¦person.title, contains: demo}", "sources.website.activities[0].when.any[0].field", "only known after intake"),
    Fault("sources.yaml", "{field: form.name, contains: demo}", '{field: message, matches: ¦"("}', "sources.website.activities[0].when.any[0].matches", "pattern"),
    Fault("sources.yaml", "- type: demo_request", "- type: ¦demo_requst", "sources.website.activities[0].type", 'did you mean "demo_request"?', warning=True),
    Fault("sources.yaml", "- {type: contact_request, when: {field: message, exists: true}}", "- {type: call}\n      - ¦{type: webinar}", "sources.website.activities[3]", "never applies", warning=True),
    Fault("sources.yaml", "public: true", "public: true\n    captcha: {provider: ¦turnstyle, secret_env: A}", "sources.website.captcha.provider", 'did you mean "turnstile"?'),
    Fault("sources.yaml", "public: true", "public: true\n    captcha: ¦{provider: turnstile}", "sources.website.captcha", "secret_env is missing"),
    Fault("sources.yaml", "public: true", 'public: true\n    captcha: {provider: turnstile, secret_env: ¦""}', "sources.website.captcha.secret_env", "secret_env is empty"),
    Fault("sources.yaml", "public: true", "public: true\n    captcha: {provider: turnstile, secret_env: ¦BATON_ADMIN_KEY}", "sources.website.captcha.secret_env", "belongs to Baton itself"),
    # words that a field never has, and answers that no source gives
    Fault("icp.yaml", "[software, it", "[¦softwares, it", "segments[0].criteria[1].levels[0].when.in[0]", 'no "softwares"; did you mean "software"?', warning=True),
    Fault("icp.yaml", "[cxo, vp, director]", "[cxo, ¦vpp, director]", "segments[0].criteria[2].levels[0].when.in[1]", 'never "vpp"; did you mean "vp"?'),
    Fault("routing.yaml", "{field: spam_score, gte: 80}", "{field: person.department, eq: ¦dev}", "suppress[4].when.eq", 'person.department is never "dev"'),
    Fault("routing.yaml", "{field: spam_score, gte: 80}", "{field: signals.types, contains: ¦fundings}", "suppress[4].when.contains", 'signals.types is never "fundings"; did you mean "funding_round"?', warning=True),
    Fault("routing.yaml", "{field: spam_score, gte: 80}", "{not: {field: account.roles, contains_any: [it, ¦ceo]}}", "suppress[4].when.not.contains_any[1]", 'account.roles is never "ceo"', warning=True),
    Fault("routing.yaml", "{field: source.channel, eq: partner}", "{field: ¦answers.intrest, eq: partner}", "conditions.partner.any[3].field", 'no source gives "answers.intrest"; did you mean "answers.interest"?', warning=True),
    Fault("scoring.yaml", "{band: mql, when: {field: score.grade, in: [A3, B2, B3, C1, C2]}}", "{band: mql, when: {not: {field: ¦answers.Team Size, gt: 5}}}", "bands[1].when.not.field", 'no source gives "answers.team size"', warning=True),
    Fault("routing.yaml", "{field: spam_score, gte: 80}", "¦{any: [{field: company.employees, gte: 0}]}", "suppress[4].when", "spam suppresses every lead of which these fields are known", warning=True),
    Fault("routing.yaml", "{field: spam_score, gte: 80}", "¦{field: spam_score, gte: 0}", "suppress[4].when", "spam suppresses every lead", warning=True),
    Fault("sources.yaml", "public: true", "secret_env: ¦BATON_SECRET_KEY", "sources.website.secret_env", "belongs to Baton itself"),
    Fault("sources.yaml", "kind: form\n    public: true", "kind: signal\n    public: true", "sources.website.honeypot", "they are for forms"),
    Fault("sources.yaml", "kind: form\n    public: true", "kind: signal\n    public: true\n    captcha: ¦{provider: turnstile, secret_env: A}", "sources.website.captcha", "it is for forms"),
    Fault("providers.yaml", "key_env: PDL_API_KEY", "key_env: ¦BATON_ADMIN_KEY", "providers.peopledatalabs.key_env", "belongs to Baton itself"),
    Fault("routing.yaml", 'fallback: sdr, destination: {url: "", secret_env: ""}', 'fallback: sdr, destination: {url: "https://a.example", secret_env: ¦BATON_SECRET_KEY}', "queues.senior-ae.destination.secret_env", "belongs to Baton itself"),
)  # fmt: skip


def _planted(fault: Fault) -> tuple[dict[str, str], tuple[int, int] | None]:
    text = DEFAULT[fault.file]
    assert fault.old in text, "the case changes nothing"
    text = text.replace(fault.old, fault.new, 1)
    before, mark, after = text.partition(MARK)
    place = (before.count("\n") + 1, len(before) - before.rfind("\n")) if mark else None
    return {**DEFAULT, fault.file: before + after}, place


@pytest.mark.parametrize(
    "fault", [*FORM, *MEANING], ids=lambda fault: f"{fault.file[:-5]}-{fault.message[:40]}"
)
def test_a_planted_fault_is_found_where_it_is(fault: Fault) -> None:
    files, place = _planted(fault)
    reading = read_policy(files, KNOWN)
    severity = Severity.NOTE if fault.note else Severity.WARNING if fault.warning else Severity.ERROR
    found = [
        finding
        for finding in reading.findings
        if finding.file == fault.file and fault.message in finding.message and finding.severity is severity
    ]
    said = [str(finding) for finding in reading.findings]
    assert found, said
    if fault.path:
        assert fault.path in {finding.path for finding in found}, said
    if place is not None:
        assert place in {(finding.line, finding.column) for finding in found}, said
    assert (reading.policy is not None) is (fault.warning or fault.note), said


def test_the_default_policy_has_neither_errors_nor_warnings_and_these_notes() -> None:
    reading = read_policy(DEFAULT)
    assert reading.policy is not None
    assert [f"{finding.path}: {finding.message}" for finding in reading.findings] == [
        "rules[3]: high-intent overlaps rules before it that have another outcome: new-market, partner",
        "rules[4]: strategic overlaps rules before it that have another outcome: high-intent",
        "rules[5]: fits overlaps rules before it that have another outcome: new-market, partner, strategic",
    ]
    assert all(finding.severity is Severity.NOTE for finding in reading.findings)


def test_a_finding_is_one_line_that_editors_can_follow() -> None:
    files, place = _planted(next(fault for fault in FORM if "company.employes" in fault.message))
    (finding,) = [found for found in read_policy(files).findings if found.severity is Severity.ERROR]
    assert place is not None
    assert str(finding) == (
        f"icp.yaml:{place[0]}:{place[1]} segments[0].criteria[0].levels[0].when.field: "
        'unknown field "company.employes"; did you mean "company.employees"?'
    )


def test_one_reading_names_the_faults_of_all_files() -> None:
    files = {
        **DEFAULT,
        "icp.yaml": DEFAULT["icp.yaml"].replace("points: 35", "points: x").replace("eq: manager", "eq: boss"),
        "team.yaml": DEFAULT["team.yaml"].replace("[senior-ae]", "[senior]"),
    }
    errors = [found for found in read_policy(files).findings if found.severity is Severity.ERROR]
    assert [found.file for found in errors] == ["icp.yaml", "icp.yaml", "team.yaml", "team.yaml"]


def test_an_answer_that_a_source_names_in_its_map_is_given() -> None:
    asked = DEFAULT["routing.yaml"].replace("answers.interest, in", "answers.Team Size, in")
    mapped = DEFAULT["sources.yaml"].replace(
        "public: true", "map: {Teamgrösse: answers.team_size}\n    public: true"
    )
    for sources, findings in ((DEFAULT["sources.yaml"], 1), (mapped, 0)):
        reading = read_policy({**DEFAULT, "routing.yaml": asked, "sources.yaml": sources})
        said = [found for found in reading.findings if "team size" in found.message]
        assert len(said) == findings


def test_what_a_field_may_be_called_in_part_is_no_word_of_it() -> None:
    part = DEFAULT["routing.yaml"].replace("spam_score, gte: 80", "company.industry, contains: softw")
    assert [
        found for found in read_policy({**DEFAULT, "routing.yaml": part}).findings if "softw" in found.message
    ] == []


def test_files_that_nobody_reads_are_named(tmp_path: Path) -> None:
    for name in (*DEFAULT, "routing.yml", "territories.yaml", "notes.md", ".hidden.yaml"):
        (tmp_path / name).write_text("x: 1")
    (tmp_path / "schemas").mkdir()
    found = unread_files(tmp_path)
    assert [(one.file, one.severity) for one in found] == [
        ("routing.yml", Severity.WARNING),
        ("territories.yaml", Severity.WARNING),
    ]
    assert 'did you mean "routing.yaml"?' in str(found[0])
    assert unread_files(Path("config")) == unread_files(tmp_path / "missing") == []


def test_files_that_are_missing_or_unknown_are_named() -> None:
    reading = read_policy(
        {**{n: t for n, t in DEFAULT.items() if n != "team.yaml"}, "teams.yaml": "reps: []"}
    )
    assert [str(found) for found in reading.findings if found.severity is Severity.ERROR] == [
        'teams.yaml:1:1: no policy file is named "teams.yaml"; did you mean "team.yaml"?',
        "team.yaml:1:1: the file is missing",
    ]


def test_a_territory_names_reps_of_the_team_and_has_somebody_in_every_queue_or_its_fallback() -> None:
    """What no rule of the policy can send anywhere else would wait for ever."""
    dach = "\nterritories: [{name: dach, when: {field: company.country, eq: DE}, reps: [sdr-1, sdr-11]}]\n"
    found = read_policy({**DEFAULT, "routing.yaml": DEFAULT["routing.yaml"] + dach}).findings
    told = {(one.severity, one.message) for one in found if one.file == "team.yaml"}
    assert told == {
        (Severity.ERROR, 'the territory dach names "sdr-11", who is no rep; did you mean "sdr-1"?'),
        # senior-ae falls back to sdr
        (Severity.WARNING, "nobody of bdr is in the territory dach, so its leads wait there"),
    }


def test_a_territory_has_somebody_in_the_first_fallback_of_a_queue() -> None:
    """The fallback of the fallback is not tried for a lead that nobody has had."""
    dach = "\nterritories: [{name: dach, when: {field: company.country, eq: DE}, reps: [bdr-1]}]\n"
    routing = DEFAULT["routing.yaml"].replace("sdr: {accept_within", "sdr: {fallback: bdr, accept_within", 1)
    found = read_policy({**DEFAULT, "routing.yaml": routing + dach}).findings
    assert [(one.severity, one.message) for one in found if one.file == "team.yaml"] == [
        (Severity.WARNING, "nobody of senior-ae is in the territory dach, so its leads wait there")
    ]
