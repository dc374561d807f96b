"""The destinations of queues, reps and managers: targets that follow the active policy."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from services.router.delivery.targets import PolicyDestinations
from services.router.domain.delivery import WebhookTarget
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import Destination, Manager, Team
from shared.web.signing import new_secret
from tests.support.routing_policies import queue, rep, routing_policy_with

SECRET = new_secret(b"s" * 24)


def policy_with(**urls: str) -> CompiledPolicy:
    """Return a policy whose queues have destinations; their secrets are in `SDR_SECRET` and so on."""
    queues = {
        name: queue("4h", destination=Destination(url=url, secret_env=f"{name.upper()}_SECRET"))
        for name, url in urls.items()
    }
    return routing_policy_with((rep("one"),), queues).compiled


def test_a_queue_with_a_url_is_a_target_signed_with_the_secret_of_its_variable():
    destinations = PolicyDestinations(
        lambda: policy_with(sdr="https://sdr.example/", bdr=""), {"SDR_SECRET": SECRET}
    )
    assert destinations() == (
        WebhookTarget("queue:sdr", "https://sdr.example/", ("lead.*",), (SECRET,), is_destination=True),
    )


@pytest.mark.parametrize(
    ("environ", "secrets", "reason"),
    [
        ({}, (), "there is no webhook secret to sign with"),
        ({"SDR_SECRET": ""}, (), "there is no webhook secret to sign with"),
        ({"SDR_SECRET": "!"}, ("!",), "a webhook secret is base64, with or without whsec_ in front"),
    ],
)
def test_a_destination_without_a_usable_secret_is_still_a_target_and_is_logged(environ, secrets, reason):
    with capture_logs() as logs:
        [target] = PolicyDestinations(lambda: policy_with(sdr="https://sdr.example/"), environ)()
    assert target.secrets == secrets
    [entry] = logs
    assert (entry["destination"], entry["variable"], entry["reason"]) == ("queue:sdr", "SDR_SECRET", reason)


def test_the_targets_of_a_version_are_made_once_and_those_of_the_next_replace_them():
    active = policy_with(sdr="https://sdr.example/")
    destinations = PolicyDestinations(lambda: active, {})
    with capture_logs() as logs:
        assert destinations() is destinations()
    assert len(logs) == 1
    active = policy_with(bdr="https://bdr.example/")
    assert [target.id for target in destinations()] == ["queue:bdr"]
    active = policy_with()
    assert destinations() == ()


def test_reps_and_managers_with_a_url_are_targets_too():
    def to(name: str) -> Destination:
        return Destination(url=f"https://{name}.example/", secret_env=f"{name.upper()}_SECRET")

    reps = (rep("ana", destination=to("ana")), rep("ben"))
    managers = (Manager(id="mona", name="Mona", destination=to("mona")), Manager(id="max", name="Max"))
    policy = routing_policy_with(team=Team(reps=reps, managers=managers)).compiled
    destinations = PolicyDestinations(lambda: policy, {"ANA_SECRET": SECRET, "MONA_SECRET": SECRET})
    found = {target.id: (target.url, target.secrets) for target in destinations()}
    assert found == {
        "rep:ana": ("https://ana.example/", (SECRET,)),
        "manager:mona": ("https://mona.example/", (SECRET,)),
    }
