"""The cookies of a session and of an attempt to sign in, put on a response and taken away again."""

from __future__ import annotations

from fastapi import Response

from services.gateway.console.session import AGE_MAX, Session, SessionCodec
from services.gateway.console.sign_in_attempt import ATTEMPT_MAX, SignInAttempt


def set_cookie(sessions: SessionCodec, response: Response, session: Session) -> None:
    """Put a session's cookie on a response.

    Lax and not Strict: who comes by a link in a chat would have to sign in anew.
    """
    response.set_cookie(
        sessions.cookie,
        sessions.encode(session),
        max_age=int(AGE_MAX.total_seconds()),
        secure=sessions.secure,
        httponly=True,
        samesite="lax",
    )


def remove_cookie(sessions: SessionCodec, response: Response) -> None:
    """Take the cookie of a session away."""
    response.delete_cookie(sessions.cookie, secure=sessions.secure, httponly=True, samesite="lax")


def set_attempt(sessions: SessionCodec, response: Response, attempt: SignInAttempt) -> None:
    """Have the browser keep an attempt; it comes back from another site by a link, so the cookie is Lax."""
    response.set_cookie(
        sessions.attempt_cookie,
        sessions.attempts.encode(attempt),
        max_age=int(ATTEMPT_MAX.total_seconds()),
        secure=sessions.secure,
        httponly=True,
        samesite="lax",
    )


def remove_attempt(sessions: SessionCodec, response: Response) -> None:
    """Take the cookie of an attempt away: no answer of the provider counts twice."""
    response.delete_cookie(sessions.attempt_cookie, secure=sessions.secure, httponly=True, samesite="lax")
