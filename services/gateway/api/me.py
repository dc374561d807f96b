"""`/v1/me`: whose key it is."""

from fastapi import APIRouter
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import AnyCaller
from services.gateway.domain.access import Scope

router = APIRouter(prefix="/v1/me", tags=["API keys"], route_class=ApiRoute)


class CallerView(ApiModel):
    """The key of the request."""

    name: str = Field(description="The name of the key, `admin` for that of the settings")
    scopes: list[Scope] = Field(
        description="As the key was created: `rep` includes `read`, `manager` both, and `admin` all"
    )
    rep: str | None = Field(description="The rep whom the key acts for, null for a key without one")


@router.get(
    "",
    summary="Name, scopes and rep of the key of this request",
    description="Any key may ask. 401 for one that is unknown or revoked, 403 for that of a rep who has left "
    "the team.",
)
async def get_me(principal: AnyCaller) -> CallerView:
    return CallerView(name=principal.name, scopes=list(principal.granted), rep=principal.rep)
