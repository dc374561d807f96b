"""The fields that a page posts: urlencoded, bounded, and text only."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from shared.errors import Reject

BODY_BYTES_MAX: Final = 1 << 20
FIELDS_MAX: Final = 1_000


class PostedForm:
    """The fields of a posted form. A field that is posted several times (checkboxes) has several values."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return the last value of a field without surrounding blanks, empty when it was not posted."""
        return next((value.strip() for key, value in reversed(self._fields) if key == name), "")

    def raw(self, name: str) -> str:
        """Return the last value of a field as it was posted, empty when it was not."""
        return next((value for key, value in reversed(self._fields) if key == name), "")

    def values(self, name: str) -> list[str]:
        """Return every value of a field that is not empty."""
        return [value for key, value in self._fields if key == name and value]

    def with_prefix(self, prefix: str) -> Mapping[str, str]:
        """Return the fields that begin with `prefix` and are not empty, by the rest of the name."""
        return {
            key.removeprefix(prefix): value.strip()
            for key, value in self._fields
            if key.startswith(prefix) and value.strip()
        }


async def read_form(request: Request) -> PostedForm:
    """Return the posted fields, read once a request. Raises `Reject` (413, 422)."""
    form: PostedForm | None = getattr(request.state, "form", None)
    if form is None:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise Reject(413, "too-large", "The form is too large", f"{BODY_BYTES_MAX} bytes at most")
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except ValueError as error:
            raise Reject(422, "invalid-form", "The form cannot be read", str(error)) from error
        if any("\0" in value for _, value in fields):
            raise Reject(422, "invalid-form", "A field holds a control character")
        form = request.state.form = PostedForm(fields)
    return form


Form = Annotated[PostedForm, Depends(read_form)]
