"""What the gateway stores, on both databases."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from services.gateway.api_keys import FRESH_S, StoredKeys
from services.gateway.audit import AuditTrail
from services.gateway.domain.audit import Author
from services.gateway.queries.subscriptions import (
    delete_subscription,
    find_subscription,
    list_subscriptions,
)
from shared.storage.keyset import Cursor
from shared.storage.rows import IdentityMap, Put
from shared.webhooks import SealedSecret, Subscription, SubscriptionState
from tests.support.fixed_clock import FixedClock

AT = datetime(2026, 3, 1, tzinfo=UTC)
AUDIT = AuditTrail(Author("admin", "admin", None, "127.0.0.1"), FixedClock(AT), os.urandom)
STORED: list[tuple[SubscriptionState, datetime]] = [
    ("disabled", AT),
    ("active", AT),
    ("active", AT + timedelta(microseconds=1)),
]


async def test_keys_are_found_until_they_are_revoked_elsewhere(database):
    seconds = [0.0]
    here, elsewhere = (
        StoredKeys("admin", database, FixedClock(AT), os.urandom, seconds=lambda: seconds[0])
        for _ in range(2)
    )
    key, text = await here.create("forms", ["rep"], "ana", AUDIT)
    found = await elsewhere.find(text)
    assert found is not None
    assert (found.rep, found.may("read"), found.may("manager")) == ("ana", True, False)
    assert await here.revoke(key.id, AUDIT)
    assert not await here.revoke(key.id, AUDIT)
    assert await here.find(text) is None
    seconds[0] += FRESH_S + 1
    assert await elsewhere.find(text) is None
    assert await here.find("admin") is not None


async def test_the_key_of_a_session_ends_when_it_is_revoked_elsewhere_or_replaced(database):
    seconds = [0.0]
    here, elsewhere = (
        StoredKeys(admin_key, database, FixedClock(AT), os.urandom, seconds=lambda: seconds[0])
        for admin_key in ("admin", "replaced")
    )
    key, text = await here.create("forms", ["rep"], "ana", AUDIT)
    known = await elsewhere.by_id(key.id)
    assert known is not None
    assert (known.principal, known.hash) == (await here.find(text), key.hash)
    assert await here.revoke(key.id, AUDIT)
    assert await here.by_id(key.id) is None
    seconds[0] += FRESH_S + 0.1
    assert await elsewhere.by_id(key.id) is None
    old, new = await here.by_id("admin"), await elsewhere.by_id("admin")
    assert old is not None
    assert new is not None
    assert (old.principal, old.hash == new.hash) == (new.principal, False)


async def test_subscriptions_are_paged_and_deleted(database):
    made = [
        Subscription(str(n), "https://a.example/", ["lead.*"], None, state, [SealedSecret("s", AT)], at, at)
        for n, (state, at) in enumerate(STORED)
    ]
    rows = IdentityMap()
    rows.apply([Put(one) for one in made])
    async with database.begin() as tx:
        await tx.write(rows)
    async with database.read() as tx:
        first = await list_subscriptions(tx, None, 2)
        assert first == [made[2], made[1]]
        assert await list_subscriptions(tx, Cursor(first[-1].created_at, first[-1].id), 2) == [made[0]]
        assert await find_subscription(tx, "1") == made[1]
    async with database.begin() as tx:
        assert await delete_subscription(tx, "1")
        assert not await delete_subscription(tx, "1")
