"""Dead letters, `/dead-letters`: what could not be processed, by cause, and replaying it."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from services.gateway.api.dead_letters import (
    letter_detail,
    replay_letter,
    replay_letters,
    require_letter,
    set_all_aside,
    set_letter_aside,
    take_letter_off_aside,
)
from services.gateway.api.lead_id import require_storable_filters
from services.gateway.console.forms import Form
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.dead_letters import (
    TABS,
    DeadLettersView,
    LettersPlace,
    LetterTab,
    group_lines,
    letter_lines,
    letter_panel,
)
from services.gateway.console.words import counted
from services.gateway.dependencies import Admin, Audit, Gateway, page_request
from services.gateway.queries.dead_letters import LetterFilter, group_dead_letters, list_dead_letters
from shared.storage.keyset import Cursor

router = APIRouter(prefix="/dead-letters", route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX: Final = 50
_Word = Annotated[str, Query(max_length=200)]


async def letters_place(
    tab: LetterTab = "open",
    stage: _Word = "",
    kind: _Word = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
    letter: _Word = "",
) -> LettersPlace:
    """Return which letters an address means. Raises `Reject` (422)."""
    require_storable_filters(stage, kind, letter)
    return LettersPlace(tab, stage, kind, cursor, letter)


Place = Annotated[LettersPlace, Depends(letters_place)]


@router.get("")
async def show_dead_letters(
    request: Request, gateway: Gateway, _principal: Admin, place: Place, done: _Word = ""
) -> Response:
    """Return the page: the groups of open letters, the letters of the filter, and the chosen one."""
    paging = await page_request(_ROWS_MAX, place.cursor or None)
    which = LetterFilter(place.stage or None, place.kind or None, place.tab)
    async with gateway.database.read() as tx:
        groups = await group_dead_letters(tx)
        rows = await list_dead_letters(tx, which, paging.after, _ROWS_MAX + 1)
        chosen = letter_detail(await require_letter(tx, place.letter)) if place.letter else None
    page = paging.page([dict(row) for row in rows], [Cursor(row["at"], row["id"]) for row in rows])
    view = DeadLettersView(
        place=place,
        tabs=[(name, LettersPlace(tab).address(), tab == place.tab) for tab, name in TABS.items()],
        groups=group_lines(place, [dict(group) for group in groups]),
        rows=letter_lines(place, page.data),
        next=place.address(cursor=page.next) if page.next else "",
        panel=letter_panel(place, chosen) if chosen else None,
        done=done,
    )
    return render(request, "dead_letters/page.html", view)


@router.get("/{letter_id}")
async def show_letter(
    letter_id: str, request: Request, gateway: Gateway, _principal: Admin, place: Place
) -> Response:
    """Return the panel of one letter."""
    async with gateway.database.read() as tx:
        detail = letter_detail(await require_letter(tx, letter_id))
    return render(request, "dead_letters/panel.html", letter_panel(place, detail))


@router.post("/replay")
async def replay_cause(gateway: Gateway, _principal: Admin, audit: Audit, form: Form) -> Response:
    """Replay all open letters of a cause."""
    handled = await replay_letters(gateway, audit, LetterFilter(form.text("stage"), form.text("kind")))
    done = f"{counted(handled.letters, 'letter')} replayed"
    if handled.refused:
        done += f", {handled.refused} came from no topic of Baton and cannot be"
    return _back(done)


@router.post("/set-aside")
async def set_cause_aside(gateway: Gateway, _principal: Admin, audit: Audit, form: Form) -> Response:
    """Set all open letters of a cause aside."""
    handled = await set_all_aside(gateway, audit, LetterFilter(form.text("stage"), form.text("kind")))
    return _back(f"{counted(handled.letters, 'letter')} set aside")


@router.post("/{letter_id}/replay")
async def replay_one(letter_id: str, gateway: Gateway, _principal: Admin, audit: Audit) -> Response:
    """Replay one letter."""
    await replay_letter(gateway, audit, letter_id)
    return _back("1 letter replayed")


@router.post("/{letter_id}/set-aside")
async def set_one_aside(letter_id: str, gateway: Gateway, _principal: Admin, audit: Audit) -> Response:
    """Set one letter aside."""
    await set_letter_aside(gateway, audit, letter_id)
    return _back("1 letter set aside")


@router.post("/{letter_id}/take-back")
async def take_one_back(letter_id: str, gateway: Gateway, _principal: Admin, audit: Audit) -> Response:
    """Put a letter that was set aside back on the list."""
    await take_letter_off_aside(gateway, audit, letter_id)
    return _back("1 letter is open again")


def _back(done: str) -> Response:
    return Response(status_code=303, headers={"location": LettersPlace().address(done=done)})
