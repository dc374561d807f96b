import pytest

from services.tables import metadata
from shared.storage.migrate import differences, migrate, pending


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/tables.db"
    return request.getfixturevalue("postgres_url")


async def test_migrations_give_the_tables_that_the_models_describe(url):
    assert "nothing" in await pending(url)
    await migrate(url)
    await migrate(url)
    assert await pending(url) == ""
    assert await differences(url, metadata) == []
