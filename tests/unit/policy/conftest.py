"""A small policy without findings, as the texts of its files."""

from __future__ import annotations

import pytest

ICP = """\
conditions:
  large: {field: company.employees, gte: 200}
markets:
  - {name: core, validated: true, when: {field: company.country, in: [US, DE]}}
segments:
  - name: mid
    disqualify:
      - {name: tiny, when: {field: company.employees, lt: 10}}
    criteria:
      - name: size
        levels:
          - {points: 60, when: {use: large}}
          - {points: 20, when: {field: company.employees, gte: 50}}
      - name: seniority
        levels:
          - {points: 40, when: {field: person.seniority, in: [cxo, vp]}}
"""
SCORING = """\
intent:
  cap: 90
  groups: {web: 30}
  rules:
    - {name: demo, on: demo_request, points: 50, half_life: 14d, max: 70}
    - {name: visit, on: [page_view], points: 5, half_life: 7d, max: 20, group: web}
  signals:
    - {name: funded, on: funding_round, points: 20, half_life: 90d}
    - {name: renewal, on: contract_expiry, points: 30, rises: 60d, ends: 10d}
grades:
  fit: {A: 80, B: 60, C: 30, D: 0}
  intent: {1: 70, 2: 40, 3: 20, 4: 0}
  hysteresis: 5
total: {fit: 60, intent: 40}
accounts:
  spike: {people: 3, within: 7d}
bands:
  - {band: sql, when: {field: score.grade, in: [A1, A2]}}
  - {band: mql, when: {field: score.grade, in: [B1, B2]}}
  - {band: cold}
"""
ROUTING = """\
conditions:
  partner: {field: account.relation, eq: partner}
suppress:
  - {reason: spam, when: {field: spam_score, gte: 80}}
rules:
  - {name: owned, when: {field: owner.active, eq: true}, queue: keep, owner: keep}
  - {name: hot, when: {field: score.band, eq: sql}, queue: ae}
  - {name: rest, queue: sdr, motion: nurture}
alert_owner_when: {use: partner}
queues:
  ae: {accept_within: 15m, fallback: sdr, destination: {url: https://crm.example.com/hook, secret_env: CRM_SECRET}}
  sdr: {accept_within: 4h business}
hand_off: {frame: {sdr: bant}, known_first: {sdr: [budget, need]}}
"""
TEAM = """\
reps:
  - {id: ana, name: Ana Ruiz, queues: [ae], weight: 50, time_zone: Europe/Madrid, hours: "Mon-Fri 09:00-17:00"}
  - {id: bo, name: Bo Lind, queues: [sdr, ae], max_open: 30}
"""
ACCOUNTS = """\
target: [northpeak.example, bluefin.example]
partner: [hillside.example]
"""
PROVIDERS = """\
deadline: 5s
budget: {per_lead_cents: 100, per_day_cents: 5000}
fields:
  company.employees: {order: [acme, zeta], min_confidence: 60, fresh: 90d}
providers:
  acme: {integration: apollo, base_url: https://api.acme.example, key_env: ACME_KEY, price_cents: 10}
  zeta: {integration: clearbit, base_url: https://zeta.example, price_cents: 5, charged: call, timeout: 3s}
"""
SOURCES = """\
sources:
  website: {kind: form, public: true, origins: ["*"], redirects: ["https://www.example.com/thanks"]}
  events: {kind: signal, signature: standard, secret_env: EVENTS_SECRET}
"""


@pytest.fixture
def files() -> dict[str, str]:
    """The texts of a small valid policy by file name."""
    return {
        "icp.yaml": ICP,
        "scoring.yaml": SCORING,
        "routing.yaml": ROUTING,
        "team.yaml": TEAM,
        "accounts.yaml": ACCOUNTS,
        "providers.yaml": PROVIDERS,
        "sources.yaml": SOURCES,
    }
