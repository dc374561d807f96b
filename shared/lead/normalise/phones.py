"""Phone numbers in E.164."""

from __future__ import annotations

from typing import Final

from shared.lead.normalise.text import bounded

PHONE_LENGTH_MAX: Final = 64


def normalise_phone(text: str | None, country: str | None = None) -> str | None:
    """Return the number in E.164, `None` when it cannot be one; `country` (alpha-2) is for national form.

    A number typed with `+` need only be possible, because numbering plans change faster than their metadata.
    Fillers such as `+1 000 000 0000` are refused: as identifiers they would make strangers one person.
    """
    typed = bounded(text, PHONE_LENGTH_MAX)
    if typed is None:
        return None
    import phonenumbers as numbers  # takes 50 ms to import, and few leads need it

    region = country.strip().upper() if country and len(country) <= 8 else None
    try:
        number = numbers.parse(typed, region)
    except numbers.NumberParseException:
        return None
    written = numbers.format_number(number, numbers.PhoneNumberFormat.E164)
    if numbers.is_valid_number(number):
        return written
    international = typed.lstrip("( ").startswith(("+", "\uff0b"))
    possible = numbers.is_possible_number_with_reason(number) == numbers.ValidationResult.IS_POSSIBLE
    # Outside its numbering plan a number may lose a trunk prefix at each parse: that is no stable identifier.
    stable = international and possible and numbers.parse(written) == number
    return written if stable and not is_filler(str(number.national_number)) else None


def is_filler(digits: str) -> bool:
    """Return whether a national number is typed to fill the field: two digits at most, or a sequence."""
    return len(set(digits)) <= 2 or digits in "012345678901234567890" or digits in "09876543210987654321"
