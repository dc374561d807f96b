"""Every finding about a policy file: one text of a valid policy is replaced, and exactly these findings appear."""

from __future__ import annotations

import pytest

from shared.integrations.catalog import built_in_integrations
from shared.integrations.installed import known_integrations
from shared.policy.load import read_policy
from shared.rules.findings import Severity

CASES = {
    "icp.yaml": [
        (
            "validated: true",
            "validated: yes",
            ['4:29 markets[0].validated: should be true or false, not "yes"'],
        ),
        (
            "validated: true, ",
            "",
            ["4:5 markets[0]: validated is missing"],
        ),
        (
            "validated: true",
            "valid: true",
            [
                "4:5 markets[0]: validated is missing",
                '4:18 markets[0].valid: unknown key "valid"; did you mean "validated"?',
            ],
        ),
        (
            "validated: true",
            "validated: [true]",
            ["4:29 markets[0].validated: should be one value, not a list"],
        ),
        (
            "name: mid",
            "name: our mid",
            [
                '6:11 segments[0].name: "our mid" is no name; a name consists of letters, digits, _, . and -, without spaces'
            ],
        ),
        (
            "name: mid",
            "name: 5",
            ["6:11 segments[0].name: should be text; write '5' in quotes"],
        ),
        (
            "name: mid",
            "name: ''",
            ["6:11 segments[0].name: should not be empty"],
        ),
        (
            "name: mid",
            "name: ",
            ["7:5 segments[0].name: should be text"],
        ),
        (
            "points: 20",
            "points: twenty",
            ['13:22 segments[0].criteria[0].levels[1].points: should be a whole number, not "twenty"'],
        ),
        (
            "points: 20",
            "points: 20.5",
            ['13:22 segments[0].criteria[0].levels[1].points: should be a whole number, not "20.5"'],
        ),
        (
            "points: 20",
            "points: 101",
            [
                "13:22 segments[0].criteria[0].levels[1].points: should be a whole number from 0 to 100, not 101"
            ],
        ),
        (
            "points: 20",
            "points: -1",
            [
                "13:22 segments[0].criteria[0].levels[1].points: should be a whole number from 0 to 100, not -1"
            ],
        ),
        (
            "name: seniority",
            "name: size",
            ['14:15 segments[0].criteria[1].name: "size" is there already, in line 10'],
        ),
        (
            "  large: {field: company.employees, gte: 200}",
            "  our large: {field: company.employees, gte: 200}",
            [
                '2:3 conditions["our large"]: "our large" is no name; a name consists of letters, digits, _, . and -, without spaces',
                '12:38 segments[0].criteria[0].levels[0].when.use: no condition is named "large"; did you mean "our large"?',
            ],
        ),
        (
            "conditions:\n  large: {field: company.employees, gte: 200}",
            "conditions: [large]",
            [
                "1:13 conditions: should be a mapping of names",
                '11:38 segments[0].criteria[0].levels[0].when.use: no condition is named "large"',
            ],
        ),
        (
            "{field: company.employees, lt: 10}",
            "5",
            [
                "8:28 segments[0].disqualify[0].when: should be a condition: {field: …, OPERATOR: …}, all, any, not or use"
            ],
        ),
        (
            "in: [US, DE]",
            "in: [US, UK]",
            ['4:75 markets[0].when.in[1]: "UK" is no country code (ISO 3166 alpha-2, such as US)'],
        ),
        (
            "{use: large}",
            "{use: larg}",
            [
                '12:38 segments[0].criteria[0].levels[0].when.use: no condition is named "larg"; did you mean "large"?'
            ],
        ),
        (
            "{field: company.employees, gte: 200}",
            "{field: company.employees, gte: many}",
            ['2:42 conditions.large.gte: should be a whole number, not "many"'],
        ),
        (
            ", when: {field: company.employees, lt: 10}",
            "",
            ["8:9 segments[0].disqualify[0]: when is missing"],
        ),
        (
            "field: company.country, in: [US, DE]",
            "field: score.fit, gte: 5",
            [
                '4:49 markets[0].when.field: this asks for "score.fit", which is only known in bands and routing'
            ],
        ),
        (
            "points: 60",
            "points: 50",
            ["10:7 segments[0].criteria: the maxima of the criteria add up to 90, not to 100"],
        ),
        (
            "{use: large}",
            "{field: company.employees, gte: 300}",
            ["warning 2:10 conditions.large: nothing uses large"],
        ),
        (
            "gte: 50}",
            "gte: 500}",
            [
                "warning 13:13 segments[0].criteria[0].levels[1]: size[1] never applies: size[0] comes first and covers it"
            ],
        ),
        (
            "{field: company.employees, lt: 10}",
            "{all: [{field: company.employees, lt: 10}, {field: company.employees, gt: 20}]}",
            ["8:28 segments[0].disqualify[0].when: no value can make this true"],
        ),
        (
            "{field: person.seniority, in: [cxo, vp]}",
            "{field: account.market, eq: cor}",
            [
                'warning 16:60 segments[0].criteria[1].levels[0].when.eq: there is no market "cor"; did you mean "core"?'
            ],
        ),
        (
            "in: [US, DE]}}",
            "in: [US, DE]}}\n  - {name: north, validated: false, when: {field: company.employees, gte: 5}}",
            ["note 5:5 markets[1]: north overlaps rules before it that have another outcome: core"],
        ),
    ],
    "scoring.yaml": [
        (
            "half_life: 14d",
            "half_life: two weeks",
            [
                "5:61 intent.rules[0].half_life: should be a duration: a whole number and s, m, h or d, such as 15m, 14d or 4h business"
            ],
        ),
        (
            "half_life: 14d",
            "half_life: 4h business",
            [
                "5:61 intent.rules[0].half_life: business time is for accept_within and ladders only; leave out business"
            ],
        ),
        (
            "half_life: 14d, ",
            "",
            ["5:7 intent.rules[0]: half_life is missing"],
        ),
        (
            "points: 50,",
            "points: 0,",
            ["5:46 intent.rules[0].points: should be a whole number from 1 to 100, not 0"],
        ),
        (
            "on: demo_request",
            "on: []",
            ["5:24 intent.rules[0].on: should not be empty"],
        ),
        (
            "on: [page_view]",
            "on: [page_view, page_view]",
            ['6:37 intent.rules[1].on[1]: "page_view" is there already, in line 6'],
        ),
        (
            "on: [page_view]",
            "on: [page_view, 5]",
            ["6:37 intent.rules[1].on[1]: should be text; write '5' in quotes"],
        ),
        (
            "name: visit",
            "name: demo",
            ['6:14 intent.rules[1].name: "demo" is there already, in line 5'],
        ),
        (
            "people: 3",
            "people: 1",
            ["16:19 accounts.spike.people: should be a whole number from 2 to 1,000, not 1"],
        ),
        (
            "band: mql",
            "band: mqls",
            ['19:12 bands[1].band: should be cold or mql or sql, not "mqls"; did you mean "mql"?'],
        ),
        (
            "cap: 90",
            "cap: 900",
            ["2:8 intent.cap: should be a whole number from 0 to 100, not 900"],
        ),
        (
            "hysteresis: 5",
            "hysteresis: 51",
            ["13:15 grades.hysteresis: should be a whole number from 0 to 50, not 51"],
        ),
        (
            "fit: {A: 80, B: 60, C: 30, D: 0}",
            "fit: {A: 80, B: 60, C: 30}",
            ["11:8 grades.fit: D is missing"],
        ),
        (
            "fit: {A: 80, B: 60, C: 30, D: 0}",
            "fit: [80, 60, 30, 0]",
            ["11:8 grades.fit: should be a mapping with A, B, C, D"],
        ),
        (
            "group: web",
            "group: wep",
            [
                "warning 3:17 intent.groups.web: no rule is in the group web",
                '6:80 intent.rules[1].group: there is no group "wep"; did you mean "web"?',
            ],
        ),
        (
            ", group: web",
            "",
            ["warning 3:17 intent.groups.web: no rule is in the group web"],
        ),
        (
            "max: 70",
            "max: 40",
            [
                "warning 5:71 intent.rules[0].max: a single activity gives 50 points, but all together 40 at most"
            ],
        ),
        (
            "on: demo_request",
            "on: demo_requests",
            [
                'warning 5:24 intent.rules[0].on: no activity is known as "demo_requests"; did you mean "demo_request"?'
            ],
        ),
        (
            "on: funding_round",
            "on: funding",
            [
                'warning 8:26 intent.signals[0].on: no signal is known as "funding"; did you mean "funding_round"?'
            ],
        ),
        (
            ", half_life: 90d",
            "",
            ["8:7 intent.signals[0]: a signal has either half_life or rises"],
        ),
        (
            "half_life: 90d",
            "half_life: 90d, rises: 5d, ends: 5d",
            ["8:7 intent.signals[0]: a signal has either half_life or rises"],
        ),
        (
            ", ends: 10d",
            "",
            ["9:7 intent.signals[1]: rises and ends go together"],
        ),
        (
            "B: 60",
            "B: 80",
            ["11:19 grades.fit.B: the floor of B should be below 80, that of A"],
        ),
        (
            "D: 0",
            "D: 10",
            ["11:33 grades.fit.D: the floor of D, the last grade, should be 0"],
        ),
        (
            "4: 0",
            "4: 1",
            ['12:36 grades.intent["4"]: the floor of 4, the last grade, should be 0'],
        ),
        (
            "hysteresis: 5",
            "hysteresis: 25",
            [
                "warning 13:15 grades.hysteresis: 25 points are more than the distance of A and B",
                "warning 13:15 grades.hysteresis: 25 points are more than the distance of 2 and 3",
                "warning 13:15 grades.hysteresis: 25 points are more than the distance of 3 and 4",
            ],
        ),
        (
            "cap: 90",
            "cap: 60",
            ['warning 12:15 grades.intent["1"]: nobody reaches grade 1: intent is 60 at most'],
        ),
        (
            "total: {fit: 60, intent: 40}",
            "total: {fit: 60, intent: 30}",
            ["14:8 total: fit and intent add up to 90 per cent, not to 100"],
        ),
        (
            "  - {band: cold}\n",
            "",
            [
                "warning 18:3 bands: no lead is ever in the band cold",
                "19:5 bands[1]: the last rule should have no condition",
            ],
        ),
        (
            "  - {band: mql, when: {field: score.grade, in: [B1, B2]}}\n",
            "",
            ["warning 18:3 bands: no lead is ever in the band mql"],
        ),
        (
            "in: [B1, B2]",
            "in: [A1, A2]",
            ["warning 19:5 bands[1]: mql[1] never applies: sql[0] comes first and covers it"],
        ),
        (
            "in: [B1, B2]",
            "in: [A2, B1]",
            ["note 19:5 bands[1]: mql[1] overlaps rules before it that have another outcome: sql[0]"],
        ),
        (
            "{field: score.grade, in: [B1, B2]}",
            "{field: score.segment, eq: big}",
            [
                "note 19:5 bands[1]: mql[1] overlaps rules before it that have another outcome: sql[0]",
                'warning 19:50 bands[1].when.eq: there is no segment "big"',
            ],
        ),
        (
            "spike: {people: 3, within: 7d}",
            "spike: {people: 3, within: 7d}\n  qualified_when: {all: [{field: account.people, lt: 1}, {field: account.people, gt: 1}]}",
            ["17:19 accounts.qualified_when: no value can make this true"],
        ),
    ],
    "routing.yaml": [
        (
            "motion: nurture",
            "motion: sleep",
            ['8:38 rules[2].motion: should be work or nurture, not "sleep"'],
        ),
        (
            "owner: keep}",
            "owner: ana}",
            ['6:78 rules[0].owner: should be keep, not "ana"'],
        ),
        (
            "accept_within: 15m",
            "accept_within: 15",
            [
                "11:23 queues.ae.accept_within: should be a duration: a whole number and s, m, h or d, such as 15m, 14d or 4h business"
            ],
        ),
        (
            "accept_within: 15m, ",
            "",
            ["11:7 queues.ae: accept_within is missing"],
        ),
        (
            "secret_env: CRM_SECRET",
            "secret_env: crm-secret",
            [
                '11:104 queues.ae.destination.secret_env: "crm-secret" is no name; a name consists of upper case letters, digits and _, without spaces'
            ],
        ),
        (
            "name: hot",
            "name: owned",
            ['7:12 rules[1].name: "owned" is there already, in line 6'],
        ),
        (
            "frame: {sdr: bant}",
            "frame: {sdr: bantt}",
            ['13:25 hand_off.frame.sdr: should be bant or meddpicc, not "bantt"; did you mean "bant"?'],
        ),
        (
            "sdr: [budget, need]",
            "sdr: [budget, budget]",
            ['13:60 hand_off.known_first.sdr[1]: "budget" is there already, in line 13'],
        ),
        (
            "gte: 80",
            "gte: 800",
            ["4:51 suppress[0].when.gte: 800 is out of range: spam_score is 0 to 100"],
        ),
        (
            "rules:\n",
            "rule:\n",
            [
                "1:1: rules is missing",
                '5:1 rule: unknown key "rule"; did you mean "rules"?',
            ],
        ),
        (
            "queue: ae}",
            "queue: aes}",
            [
                '7:60 rules[1].queue: there is no queue "aes"; did you mean "ae"?',
                "warning 11:7 queues.ae: no rule sends a lead to ae",
            ],
        ),
        (
            "queue: keep, owner: keep",
            "queue: keep",
            ["6:5 rules[0]: queue: keep and owner: keep go together; owner: keep is missing"],
        ),
        (
            "queue: ae}",
            "queue: ae, owner: keep}",
            ["7:5 rules[1]: queue: keep and owner: keep go together; queue: keep is missing"],
        ),
        (
            "{field: owner.active, eq: true}",
            "{field: score.band, eq: mql}",
            ["6:5 rules[0]: owned may match a lead without owner; it should check owner.active"],
        ),
        (
            ", queue: sdr, motion: nurture",
            ", when: {field: score.band, eq: mql}, queue: sdr",
            ["8:5 rules[2]: the last rule should have no condition"],
        ),
        (
            "when: {field: score.band, eq: sql}, queue: ae",
            "queue: ae",
            [
                "7:5 rules[1]: hot has no condition, so nothing after it applies; it goes last",
                "warning 8:5 rules[2]: rest never applies: hot comes first and covers it",
            ],
        ),
        (
            "fallback: sdr",
            "fallback: sd",
            ['11:38 queues.ae.fallback: there is no queue "sd"; did you mean "sdr"?'],
        ),
        (
            "sdr: {accept_within: 4h business}",
            "sdr: {accept_within: 4h business, fallback: ae}",
            ["11:38 queues.ae.fallback: the fallbacks of the queues form a circle: ae -> sdr -> ae"],
        ),
        (
            "sdr: {accept_within: 4h business}",
            "sdr: {accept_within: 4h business}\n  spare: {accept_within: 1d}",
            [
                "warning 13:10 queues.spare: no rule sends a lead to spare",
                "warning team.yaml:2:3 reps: nobody gets leads of the queue spare",
            ],
        ),
        (
            "sdr: {accept_within: 4h business}",
            "sdr: {accept_within: 4h business}\n  keep: {accept_within: 1d}",
            [
                "13:9 queues.keep: no queue may be named keep: rules use it to leave a lead where it is",
                "warning team.yaml:2:3 reps: nobody gets leads of the queue keep",
            ],
        ),
        (
            "https://crm.example.com/hook",
            "ftp://crm.example.com",
            ["11:62 queues.ae.destination.url: should be an http or https address, or empty"],
        ),
        (
            ", secret_env: CRM_SECRET",
            "",
            [
                "11:56 queues.ae.destination: secret_env should name the variable with the secret that signs the deliveries"
            ],
        ),
        (
            "sdr: [budget, need]",
            "sdr: [bugdet, products]",
            [
                'warning 13:52 hand_off.known_first.sdr[0]: "bugdet" is no element of a frame; did you mean "budget"?'
            ],
        ),
        (
            "sdr: [budget, need]",
            "sdrr: [budget]",
            ['13:52 hand_off.known_first.sdrr: there is no queue "sdrr"; did you mean "sdr"?'],
        ),
        (
            "{sdr: bant}",
            "{sdr: bant, se: bant}, joins: [sdr, see]",
            [
                '13:35 hand_off.frame.se: there is no queue "se"',
                '13:55 hand_off.joins[1]: there is no queue "see"',
            ],
        ),
        (
            "hand_off:",
            "reject:\n  - {reason: [spam, junk], do: disqualify}\n  - {reason: JUNK, do: reroute}\n  - {reason: late, do: reassign}\ncredit_back: [junk, spamm]\nhand_off:",
            [
                '15:14 reject[1].reason[0]: "JUNK" is in an earlier rule already',
                "16:5 reject[2]: the last rule should have no reason, so that every rejection does something",
                '17:21 credit_back[1]: there is no reason "spamm"; did you mean "spam"?',
            ],
        ),
        (
            "hand_off:",
            "reject:\n  - {do: recycle}\n  - {reason: late, do: reassign, after: 3d}\n  - {do: reassign}\ncredit_back: []\nhand_off:",
            [
                "14:5 reject[0]: it has no reason, so nothing after it applies",
                "14:5 reject[0]: after and do: recycle go together: the time until the lead is routed again",
                "15:5 reject[1]: after and do: recycle go together: the time until the lead is routed again",
            ],
        ),
        (
            "alert_owner_when: {use: partner}\n",
            "",
            ["warning 2:12 conditions.partner: nothing uses partner"],
        ),
        (
            "{field: score.band, eq: sql}",
            "{field: owner.queue, eq: aa}",
            ['warning 7:48 rules[1].when.eq: there is no queue "aa"'],
        ),
        (
            "{field: score.band, eq: sql}",
            "{field: score.segment, eq: midd}",
            ['warning 7:50 rules[1].when.eq: there is no segment "midd"; did you mean "mid"?'],
        ),
        (
            "{field: score.band, eq: sql}",
            "{field: account.market, in: [core, cor]}",
            ['warning 7:58 rules[1].when.in[1]: there is no market "cor"; did you mean "core"?'],
        ),
        (
            "{use: partner}",
            "{all: [{use: partner}, {field: account.relation, eq: none}]}",
            ["9:19 alert_owner_when: no value can make this true"],
        ),
    ],
    "team.yaml": [
        (
            "id: bo",
            "id: ana",
            ['3:10 reps[1].id: "ana" is there already, in line 2'],
        ),
        (
            "weight: 50",
            "weight: 5000",
            ["2:53 reps[0].weight: should be a whole number from 0 to 1,000, not 5000"],
        ),
        (
            "queues: [sdr, ae]",
            "queues: []",
            ["3:37 reps[1].queues: should not be empty"],
        ),
        (
            "queues: [sdr, ae]",
            "queues: [sdr, aes]",
            ['3:43 reps[1].queues[1]: there is no queue "aes"; did you mean "ae"?'],
        ),
        (
            "Europe/Madrid",
            "Europe/Madird",
            ['2:68 reps[0].time_zone: no time zone is named "Europe/Madird"; did you mean "Europe/Madrid"?'],
        ),
        (
            "time_zone: Europe/Madrid, ",
            "",
            ["2:64 reps[0].hours: hours need a time_zone, such as America/New_York"],
        ),
        (
            "Mon-Fri 09:00-17:00",
            "9 to 5",
            ["2:90 reps[0].hours: should be hours such as Mon-Fri 09:00-17:00, or several joined by commas"],
        ),
        (
            "Mon-Fri 09:00-17:00",
            "Mon-Fry 09:00-17:00",
            ['2:90 reps[0].hours: "Fry" is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun'],
        ),
        (
            "Mon-Fri 09:00-17:00",
            "Mon-Fri 17:00-09:00",
            ["2:90 reps[0].hours: hours should begin before they end, between 00:00 and 24:00 of one day"],
        ),
        (
            "Mon-Fri 09:00-17:00",
            "Mon 09:00-12:00, Mon-Tue 11:00-13:00",
            ["2:90 reps[0].hours: two shifts overlap on Mon"],
        ),
        (
            "queues: [sdr, ae]",
            "queues: [ae]",
            ["warning 2:3 reps: nobody gets leads of the queue sdr"],
        ),
        (
            "max_open: 30",
            "max_open: 0",
            ["3:58 reps[1].max_open: should be a whole number from 1 to 100,000, not 0"],
        ),
        (
            "max_open: 30",
            "max_open: true",
            ['3:58 reps[1].max_open: should be a whole number, not "true"'],
        ),
        (
            "id: bo,",
            "id: bo, id: cy,",
            ['3:14: the key "id" is there already, in line 3'],
        ),
        (
            "id: bo,",
            "id: &bo bo,",
            ["3:10: anchors (&name) are not read; name a condition and use it instead"],
        ),
        (
            "id: bo,",
            "id: *bo,",
            ["3:10: aliases (*name) are not read; name a condition and use it instead"],
        ),
        (
            "id: bo,",
            "id: !!str bo,",
            ['3:10: tags are not read; leave out "tag:yaml.org,2002:str"'],
        ),
        (
            "max_open: 30",
            "max_open: 1234567890123456789",
            ["3:58: a number has more than 18 digits; text goes in quotes"],
        ),
        (
            "reps:",
            "---\nreps: []\n---\nreps:",
            ["3:1: there is more than one document; a policy file has one"],
        ),
        (
            "max_open: 30}",
            "max_open: 30",
            ["4:1: not YAML: expected ',' or '}', but got '<stream end>'"],
        ),
        (
            "reps:",
            "reps: []\n? [x]\n:",
            ["2:3: a key is text, not a list or a mapping"],
        ),
    ],
    "accounts.yaml": [
        (
            "bluefin.example",
            "bluefin",
            ['1:29 target[1]: "bluefin" is no domain'],
        ),
        (
            "hillside.example",
            "northpeak.example",
            ['2:11 partner[0]: "northpeak.example" is in target already'],
        ),
        (
            "bluefin.example",
            "northpeak.example",
            ['1:29 target[1]: "northpeak.example" is there already, in line 1'],
        ),
        (
            "partner:",
            "partners:",
            ['2:1 partners: unknown key "partners"; did you mean "partner"?'],
        ),
        (
            "[hillside.example]",
            "hillside.example",
            ["2:10 partner: should be a list"],
        ),
    ],
    "providers.yaml": [
        (
            "company.employees:",
            "company.employes:",
            [
                '4:21 fields["company.employes"]: "company.employes" is no field that a provider can give; did you mean "company.employees"?'
            ],
        ),
        (
            "[acme, zeta]",
            "[acme, zetta]",
            [
                '4:37 fields["company.employees"].order[1]: there is no provider "zetta"; did you mean "zeta"?',
                "warning 7:9 providers.zeta: no field has zeta in its order",
            ],
        ),
        (
            "[acme, zeta]",
            "[acme]",
            ["warning 7:9 providers.zeta: no field has zeta in its order"],
        ),
        (
            "integration: apollo",
            "integration: apolo",
            ['6:23 providers.acme.integration: there is no integration "apolo"; did you mean "apollo"?'],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\nfor_sellers: [company.employees, person.fone, person.phone, consent.marketing]",
            [
                '2:34 for_sellers[1]: "person.fone" is no field that a provider can give; did you mean "person.phone"?',
                "warning 2:47 for_sellers[2]: no provider is asked for person.phone: it has no order in fields",
                '2:61 for_sellers[3]: "consent.marketing" is no field that a provider can give',
            ],
        ),
        (
            "  company.employees: {order: [acme, zeta]",
            "  company.growth_pct: {order: [zeta]}\n  company.employees: {order: [acme, zeta]",
            [
                '4:32 fields["company.growth_pct"].order[0]: zeta does not give company.growth_pct',
            ],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\ndiscover: {roles: [champion], per_account_cents: 10, order: [acme, zeta, zetta]}",
            [
                "2:68 discover.order[1]: zeta does not find people of a company",
                '2:74 discover.order[2]: there is no provider "zetta"; did you mean "zeta"?',
            ],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\ndiscover: {roles: [champion], per_account_cents: 9000}",
            ["warning 2:50 discover.per_account_cents: more than the 5000 cents of a day's budget"],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\ndiscover: {roles: [champion], per_account_cents: 9}",
            [
                "warning 2:50 discover.per_account_cents: nobody can be asked: one answer costs 10 cents at least"
            ],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\ndiscover: {roles: [buyer], when: {field: company.employees, gte: 9}, per_account_cents: 10}",
            [
                '2:20 discover.roles[0]: should be economic_buyer or champion or technical, not "buyer"',
                '2:42 discover.when.field: this asks for "company.employees", but only what is known of the account may be asked for here',
            ],
        ),
        (
            "deadline: 5s",
            "deadline: 5s\ndiscover: {roles: [champion], when: {field: account.relation, eq: targets}, per_account_cents: 10}",
            [
                '2:67 discover.when.eq: account.relation is never "targets"; did you mean "target"?',
            ],
        ),
        (
            "https://zeta.example",
            "zeta.example",
            ["7:43 providers.zeta.base_url: should be an http or https address"],
        ),
        (
            "price_cents: 10",
            "price_cents: 101",
            [
                "warning 6:99 providers.acme.price_cents: one answer costs more than the 100 cents of a lead's budget"
            ],
        ),
        (
            "timeout: 3s",
            "timeout: 6s",
            ["warning 7:105 providers.zeta.timeout: longer than the deadline of 5s"],
        ),
        (
            "charged: call",
            "charged: calls",
            ['7:90 providers.zeta.charged: should be match or call, not "calls"; did you mean "call"?'],
        ),
        (
            "key_env: ACME_KEY",
            "key_env: acme_key",
            [
                '6:76 providers.acme.key_env: "acme_key" is no name; a name consists of upper case letters, digits and _, without spaces'
            ],
        ),
        (
            "per_day_cents: 5000",
            "per_day: 5000",
            [
                "2:9 budget: per_day_cents is missing",
                '2:31 budget.per_day: unknown key "per_day"; did you mean "per_day_cents"?',
            ],
        ),
        (
            "min_confidence: 60",
            "min_confidence: 160",
            [
                '4:60 fields["company.employees"].min_confidence: should be a whole number from 0 to 100, not 160'
            ],
        ),
        (
            "deadline: 5s\n",
            "",
            ["1:1: deadline is missing"],
        ),
    ],
    "sources.yaml": [
        (
            '["*"]',
            '["https://example.com/"]',
            [
                '2:49 sources.website.origins[0]: "https://example.com/" is no origin; it is * or such as https://www.example.com'
            ],
        ),
        (
            "https://www.example.com/thanks",
            "javascript:alert(1)",
            ['2:67 sources.website.redirects[0]: "javascript:alert(1)" is no http or https address'],
        ),
        (
            "kind: form",
            "kind: forms",
            [
                '2:19 sources.website.kind: there is no vendor of forms or signals "forms"; did you mean "form"?'
            ],
        ),
        (
            "kind: form",
            "kind: form, map: {Mail: person.mail}",
            [
                '2:37 sources.website.map.Mail: there is no field of forms "person.mail"; did you mean "person.email"?'
            ],
        ),
        (
            "public: true",
            "public: true, signature: hub",
            ["2:50 sources.website.signature: a public source has no signature"],
        ),
        (
            "public: true",
            "public: true, secret_env: X",
            ["2:51 sources.website.secret_env: a public source has no secret"],
        ),
        (
            ", secret_env: EVENTS_SECRET",
            "",
            ["3:11 sources.events: a source that is not public needs a secret: secret_env is missing"],
        ),
        (
            "kind: signal, signature: standard",
            "kind: bombora, poll: {}",
            ["3:33 sources.events.poll: bombora is not asked: apollo, builtwith can be"],
        ),
        (
            "kind: signal, signature: standard",
            "kind: builtwith, poll: {accounts: {list: [kestrel.example]}}",
            [
                "3:35 sources.events.poll: asks the provider with integration: builtwith, which providers.yaml has not"
            ],
        ),
        (
            "kind: signal, signature: standard",
            "kind: meta",
            [
                "warning 3:18 sources.events.kind: its leads are fetched by the integration meta_graph, which providers.yaml has not"
            ],
        ),
        (
            "kind: signal, signature: standard",
            "kind: apollo, poll: {accounts: {relation: target, list: [kestrel.example]}}",
            ["3:43 sources.events.poll.accounts: should have either relation or list"],
        ),
        (
            "kind: signal, signature: standard, secret_env: EVENTS_SECRET",
            "kind: apollo, poll: {every: 12h}",
            [],
        ),
        (
            "kind: signal, signature: standard, secret_env: EVENTS_SECRET",
            "kind: apollo, public: true, poll: {}",
            ["3:46 sources.events.poll: a public source asks no vendor: anybody may post to it"],
        ),
        (
            "signature: standard",
            "signature: standrd",
            ['3:37 sources.events.signature: there is no signature "standrd"; did you mean "standard"?'],
        ),
    ],
}
"""By file: the text that is replaced, its replacement, and the findings in the order of files and positions.

A finding is `line:column path: message`, with the name of the file where it is another one.
"""


KNOWN = known_integrations(built_in_integrations())


def test_the_small_policy_has_no_findings(files: dict[str, str]) -> None:
    assert read_policy(files, KNOWN).findings == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [(file, *case) for file, cases in CASES.items() for case in cases],
    ids=[f"{file[:-5]} {case[1]}"[:70] for file, cases in CASES.items() for case in cases],
)
def test_a_replaced_text_has_exactly_these_findings(
    files: dict[str, str], file: str, old: str, new: str, expected: list[str]
) -> None:
    assert old in files[file]
    reading = read_policy({**files, file: files[file].replace(old, new, 1)}, KNOWN)
    found = [
        ("" if finding.severity is Severity.ERROR else f"{finding.severity} ")
        + str(finding).removeprefix(f"{file}:")
        for finding in reading.findings
    ]
    assert found == expected
    assert (reading.policy is None) is any(not text.startswith(("warning ", "note ")) for text in expected)


def test_a_provider_by_which_a_source_fetches_leads_needs_no_field(files: dict[str, str]) -> None:
    sources = files["sources.yaml"].replace("kind: signal, signature: standard", "kind: meta")
    providers = files["providers.yaml"].replace(
        "providers:\n", "providers:\n  graph: {integration: meta_graph}\n", 1
    )
    assert read_policy({**files, "sources.yaml": sources, "providers.yaml": providers}, KNOWN).findings == ()


@pytest.mark.parametrize("missing", list(CASES))
def test_a_file_that_is_missing_is_the_only_error(files: dict[str, str], missing: str) -> None:
    del files[missing]
    reading = read_policy(files)
    errors = [str(finding) for finding in reading.findings if finding.severity is Severity.ERROR]
    assert errors == [f"{missing}:1:1: the file is missing"]
    assert reading.policy is None


@pytest.mark.parametrize("empty", sorted(set(CASES) - {"accounts.yaml", "sources.yaml"}))
def test_an_empty_file_is_an_error(files: dict[str, str], empty: str) -> None:
    reading = read_policy({**files, empty: "# nothing yet"})
    first = next(finding for finding in reading.findings if finding.file == empty)
    assert str(first).startswith(f"{empty}:1:1: should be")
    assert reading.policy is None
