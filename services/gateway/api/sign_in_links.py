"""`/v1/sign-in-links`: one-time links to the console."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Audit, Gateway, Reader
from services.gateway.sign_in_links import create_link

router = APIRouter(prefix="/v1/sign-in-links", tags=["API keys"], route_class=ApiRoute)


class SignInLink(ApiModel):
    """A link that signs whoever opens it first in, as the key of the request."""

    url: Annotated[str, Field(description="Below the address by which the request came")]
    expires_at: datetime


@router.post(
    "",
    status_code=201,
    summary="Create a link that signs in to the console as this key: once, within minutes",
)
async def create_sign_in_link(
    request: Request, principal: Reader, gateway: Gateway, audit: Audit
) -> SignInLink:
    token, expires_at = await create_link(gateway, principal, audit)
    return SignInLink(
        url=f"{request.url.scheme}://{request.url.netloc}/sign-in/link/{token}", expires_at=expires_at
    )
