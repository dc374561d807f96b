"""The page Settings: API keys, the data of a person, and the audit trail."""

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from services.gateway.api.api_keys import CreatedApiKey, NewApiKey, create_api_key, revoke_api_key
from services.gateway.api.audit import WantedEntries, export_response
from services.gateway.api.people import delete_person, export_person, person_identities
from services.gateway.console.forms import Form
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.settings import PrivacyPage, audit_page, keys_page
from services.gateway.dependencies import Admin, Audit, Gateway, Paging
from services.gateway.queries.audit import AuditFilter, list_audit
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.storage.keyset import Cursor

router = APIRouter(prefix="/settings", route_class=ConsoleRoute, include_in_schema=False)


@router.get("")
async def show_keys(request: Request, gateway: Gateway, _principal: Admin) -> Response:
    return await _keys(request, gateway)


@router.post("/keys")
async def create_key(
    request: Request, gateway: Gateway, form: Form, audit: Audit, _principal: Admin
) -> Response:
    """Create a key, and show its text: the only time that anybody sees it."""
    given = {"name": form.text("name"), "scopes": form.values("scope"), "rep": form.text("rep") or None}
    try:
        made = await create_api_key(NewApiKey.model_validate(given), gateway, audit)
    except ValidationError:
        return await _keys(request, gateway, fault="A key needs a name and a scope")
    except Reject as error:
        fault = error.errors[0].detail if error.errors else error.title
        return await _keys(request, gateway, fault=fault)
    return await _keys(request, gateway, made=made)


@router.post("/keys/{key_id}/revoke")
async def revoke_key(key_id: str, gateway: Gateway, audit: Audit, _principal: Admin) -> Response:
    """Revoke a key, from any page that was loaded before, too."""
    await revoke_api_key(key_id, gateway, audit)
    return _see_other("/settings")


@router.get("/privacy")
async def show_privacy(request: Request, _principal: Admin) -> Response:
    return render(request, "settings/privacy.html", PrivacyPage())


@router.post("/export")
async def export(gateway: Gateway, form: Form, audit: Audit, _principal: Admin) -> Response:
    """Return everything that is stored about a person, as a file."""
    found = await export_person(await person_identities(form.text("email")), gateway, audit)
    found.headers["content-disposition"] = 'attachment; filename="person.json"'
    return found


@router.post("/erase")
async def erase(request: Request, gateway: Gateway, form: Form, audit: Audit, _principal: Admin) -> Response:
    """Erase a person whose e-mail address was typed twice."""
    email, again = form.text("email"), form.text("again")
    if email.casefold() != again.casefold():
        view = PrivacyPage(fault="The two addresses differ: nothing was erased")
        return render(request, "settings/privacy.html", view, status=422)
    try:
        receipt = await delete_person(await person_identities(email), request, gateway, audit)
    except Reject as error:
        view = PrivacyPage(fault=error.title)
        return render(request, "settings/privacy.html", view, status=error.status)
    view = PrivacyPage(receipt_id=receipt.receipt_id, requested_at=receipt.requested_at)
    return render(request, "settings/privacy.html", view)


@router.get("/audit")
async def show_audit(
    request: Request, gateway: Gateway, wanted: WantedEntries, paging: Paging, _principal: Admin
) -> Response:
    async with gateway.database.read() as tx:
        found = await list_audit(tx, wanted, paging.after, paging.limit + 1)
    page = paging.page(found, [Cursor(entry.at, entry.id) for entry in found])
    return render(request, "settings/audit.html", audit_page(page.data, wanted, page.next))


@router.post("/audit/export")
async def export_audit(gateway: Gateway, audit: Audit, form: Form, _principal: Admin) -> Response:
    """Return the whole audit trail as CSV."""
    async with gateway.database.begin() as tx:
        await audit.record(tx, "audit.exported", format="csv")
    return export_response(gateway, AuditFilter(kind=form.text("kind") or None), "csv")


async def _keys(
    request: Request, gateway: GatewayState, *, made: CreatedApiKey | None = None, fault: str = ""
) -> Response:
    policy, keys = gateway.policies.active().policy, await gateway.keys.list_all()
    key = made.key if made else ""
    view = keys_page(keys, policy, own_id=request.state.principal.key_id, made=key, fault=fault)
    return render(request, "settings/keys.html", view, status=422 if fault else 200)


def _see_other(path: str) -> Response:
    return Response(status_code=303, headers={"location": path})
