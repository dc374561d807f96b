"""Dashboards, alerts and autoscaling ask for metrics that exist, by labels that they have, of services that run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from shared.messaging.manifest import topics_read_by
from shared.observability.metrics import Metrics

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
PROMETHEUS = ROOT / "deploy" / "prometheus"
SCALED: list[dict[str, Any]] = [
    one["spec"] for one in yaml.safe_load_all((ROOT / "deploy" / "keda" / "scaled-objects.yaml").read_text())
]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds to everything."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and where it stands."""

    place: str
    text: str


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries() -> Iterator[Query]:
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text(encoding="utf-8"))):
            for target in panel.get("targets", ()):
                # What Grafana puts in before Prometheus sees it.
                text = target["expr"].replace("$__rate_interval", "1m").replace("$role", ".*")
                yield Query(f"{path.name}: {panel['title']}", text)
    for group in read(PROMETHEUS / "alerts.yml")["groups"]:
        for rule in group["rules"]:
            yield Query(f"alerts.yml: {rule['alert']}", rule["expr"])
    for spec in SCALED:
        for trigger in spec["triggers"]:
            yield Query(
                f"scaled-objects.yaml: {spec['scaleTargetRef']['name']}", trigger["metadata"]["query"]
            )


QUERIES = list(queries())
every_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)


def known() -> dict[str, frozenset[str]]:
    """Every series that a process of Baton shows, with its labels."""
    metrics = Metrics()
    labels = {"up": frozenset[str](), "baton_build_info": frozenset({"version"})}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            own = frozenset(metric._labelnames)
            labels |= _series(family.name, family.type, own)
    for family in metrics.registry.collect():
        for sample in family.samples:
            labels.setdefault(sample.name, frozenset(sample.labels))
    return labels


def _series(name: str, kind: str, labels: frozenset[str]) -> dict[str, frozenset[str]]:
    if kind == "counter":
        return {f"{name}_total": labels}
    if kind == "histogram":
        return {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return {name: labels}


KNOWN = known()


def selectors(node: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for child in _children(node):
        yield from selectors(child)


def _children(node: Any) -> Sequence[Any]:
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    return [node.expr] if hasattr(node, "expr") else []


def complaints(text: str) -> list[str]:
    """Return what an expression asks for and no process of Baton has."""
    found = list(selectors(promql_parser.parse(text)))
    wrong = [f"no metric {name}" for selector in found if (name := str(selector.name)) not in KNOWN]
    labels = SCRAPED.union(*(KNOWN.get(str(selector.name), ()) for selector in found))
    asked = {matcher.name for selector in found for matcher in selector.matchers.matchers}
    asked |= {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", text) for label in by.split(",")}
    return wrong + [f"no label {label}" for label in sorted(asked - labels)]


@every_query
def test_it_asks_for_metrics_that_exist_by_labels_that_they_have(query: Query):
    assert complaints(query.text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(rate(baton_record_total[5m])) > 1", ["no metric baton_record_total"]),
        ("histogram_quantile(0.9, rate(baton_batch_seconds[5m]))", ["no metric baton_batch_seconds"]),
        ('1 - sum by (job) (baton_outbox_rows{topic="a"})', ["no label topic"]),
        ("sum by (role, route) (baton_outbox_rows)", ["no label route"]),
    ],
)
def test_what_does_not_exist_is_noticed(text: str, expected: list[str]):
    assert complaints(text) == expected


def test_every_metric_of_baton_is_shown():
    shown = {selector.name for query in QUERIES for selector in selectors(promql_parser.parse(query.text))}
    derived = ("_sum", "_count", "_created")
    assert {name for name in KNOWN if name.startswith("baton_") and not name.endswith(derived)} <= shown


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path):
    board = json.loads(path.read_text(encoding="utf-8"))
    everything = list(panels(board))
    ids = [panel["id"] for panel in everything]
    assert len(ids) == len(set(ids))
    assert "id" not in board  # Grafana's own, to be given by each installation
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    for panel in everything:
        assert panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path):
    taken: set[tuple[int, int]] = set()
    for panel in panels(json.loads(path.read_text(encoding="utf-8"))):
        place = panel["gridPos"]
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_finds_its_dashboards_and_its_source():
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (provider,) = read(PROVISIONING / "dashboards" / "baton.yml")["providers"]
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).name in {path.name for path in DASHBOARDS}


def test_prometheus_scrapes_every_role_on_its_operations_port():
    scraped = {}
    for job in read(PROMETHEUS / "prometheus.yml")["scrape_configs"]:
        (found,) = job["dns_sd_configs"]
        scraped[job["job_name"]] = (found["names"], str(found["port"]))
    roles = {
        name: ([name], service["environment"]["BATON_OPS_PORT"])
        for name, service in SERVICES.items()
        if service.get("command", [""])[0] == "serve"
    }
    assert scraped == roles


def test_each_role_that_reads_a_topic_can_be_scaled_by_its_own_lag():
    scaled = {spec["scaleTargetRef"]["name"]: spec["triggers"][0]["metadata"]["query"] for spec in SCALED}
    jobs = {job["job_name"] for job in read(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    readers = {job for job in jobs if topics_read_by(job) and job != "gateway"}
    assert scaled == {role: f'sum(baton_consumer_lag_records{{role="{role}"}})' for role in readers}


def test_the_alert_on_absence_names_every_role_but_the_stubs_which_nobody_needs_in_production():
    absent = next(query.text for query in QUERIES if query.place.endswith("BatonRoleAway"))
    jobs = {job["job_name"] for job in read(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    assert set(re.findall(r'job="([^"]+)"', absent)) == jobs - {"provider-stubs"}
