"""Phone numbers in E.164, with the extension behind a switchboard.

A number is read as people write it: with a label before it (`Office: +49 …`), words or a second number after
it, `00` for `+`, an extension, invisible characters from an address book. The `phonenumbers` library decides
which numbers are valid.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from shared.lead.normalise.countries import country_code
from shared.lead.normalise.text import PADDING_MAX, bounded, without_invisible

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

PHONE_LENGTH_MAX: Final = 200

_EXTENSION_WORDS: Final = """
    ext extn extension extensión extensao extensão anexo interno int ramal poste durchwahl dw apparat app
    nebenstelle nst klappe kl toestel tst anknytning ankn lokal lok linje linka klapka wewnętrzny wew dahili
    alanumero доб добавочный вн 内線 分机 分機 转 轉 내선 x
"""
_LABELS: Final = "|".join(sorted(_EXTENSION_WORDS.split(), key=len, reverse=True))
_EXTENSION = re.compile(
    rf"(?:(?<![^\W\d_])(?:{_LABELS})|[pw]\.?(?=\d)|[#~])"
    r"[\s.:=#-]{0,4}(?P<labelled>\d{1,12})(?!\d)"
    r"|^\s*[,;]{1,3}\s*(?P<dialled>\d{1,6})#?\s*$",
    re.IGNORECASE,
)
_DASHES: Final = "\u2010-\u2015\u2212\u30fc"
_NUMBER = re.compile(rf"(?:\+\s*)?[(\[]?\d[\d\s()\[\]./·•{_DASHES}-]*")
_VANITY = re.compile(rf"\+?\s*\d[\d\s().{_DASHES}-]*[A-Za-z][\dA-Za-z\s().{_DASHES}-]*")
_OPEN_BRACKET = re.compile(r"(?<=[\d\s])[(\[][^)\]]*\Z")
_VANITY_LETTERS_MIN: Final = 3
_SEPARATE_WORD = re.compile(r"(?<=[\s(])[a-z]+")
# Words that people write beside a number: after a blank they are not its letters, as in 1-800-FLOWERS.
_OTHER_WORDS: Final = """
    after am at before buero bureau büro call cell cellphone cellular central company desk direct evening fax
    festnetz fixe handy home hotline landline line main mobil mobile mobiltelefon morning movil no number
    office oficina only or phone please pm portable private privat reception sms standard switchboard tel
    telefon telephone text to und until viber weekdays whatsapp work zentrale
"""
_LETTERS_BESIDE_NUMBERS: Final = frozenset(_OTHER_WORDS.split())
_DOUBLED_PREFIX = re.compile(r"\+[\s(\[]*00")
# Dialled for "+" in most of the world; the others in North America, Australia, Japan and Russia. These are
# also area codes (011 is Delhi), so they count only before more digits than a number of such an area has.
_INTERNATIONAL_PREFIX: Final = "00"
_OTHER_INTERNATIONAL_PREFIXES: Final = ("0011", "011", "010", "810")
_DIGITS_AFTER_OTHER_PREFIX_MIN: Final = 10


def normalise_phone(text: str | None, *countries: str | None) -> str | None:
    """Return the number in E.164, `None` when the text holds none; with an extension `+1212…;ext=101`.

    `countries` (names or codes) say where a number in national form may be from, the likeliest first. A
    number typed with `+` need only be possible, because numbering plans change faster than their metadata.
    Fillers such as `+1 000 000 0000` are refused: as identifiers they would make strangers one person.
    """
    typed = bounded(_plain(text), PHONE_LENGTH_MAX)
    if typed is None:
        return None
    found = sorted(written_numbers(typed), key=lambda number: not number[0].startswith("+"))
    regions: list[str] | None = None
    for written, rest in found:
        if regions is None and not written.startswith("+"):
            regions = [code for code in map(country_code, countries) if code]
        if number := valid_number(written, regions or ()):
            return number + extension_in(rest)
    if found and (number := vanity_number(typed, regions or ())):
        return number
    for written, rest in found:
        if number := possible_number(written):
            return number + extension_in(rest)
    return None


def is_filler(digits: str) -> bool:
    """Return whether a national number is typed to fill the field: two digits at most, or a sequence."""
    return len(set(digits)) <= 2 or digits in "012345678901234567890" or digits in "09876543210987654321"


def _plain(text: str | None) -> str:
    """Return a text of bounded length on one line, with ASCII digits and without invisible characters."""
    if not text or len(text) > PHONE_LENGTH_MAX + PADDING_MAX:
        return ""
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFKC", without_invisible(" ".join(text.split())))
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in composed)


def written_numbers(typed: str) -> Iterator[tuple[str, str]]:
    """Yield what may be a number, with the text after it.

    A `/` is part of one, or stands between two. A bracket that does not close within the number may hold
    something else: `(9-17h)`.
    """
    for match in _NUMBER.finditer(typed):
        if bracket := _OPEN_BRACKET.search(match[0]):
            yield match[0][: bracket.start()], typed[match.start() + bracket.start() :]
        yield match[0], typed[match.end() :]
        first, slash, second = match[0].partition("/")
        if slash:
            yield first, ""
            yield second.strip(), typed[match.end() :]


def extension_in(rest: str) -> str:
    """Return the extension in what follows a number, as `;ext=…`; "" without one."""
    match = _EXTENSION.search(rest.partition("+")[0])
    return f";ext={match['labelled'] or match['dialled']}" if match else ""


def valid_number(written: str, regions: Sequence[str]) -> str | None:
    """Return a number that is valid in its numbering plan: in one of `regions`, else internationally."""
    spellings: list[tuple[str, str | None]] = [(written, region) for region in regions]
    spellings += [(international, None) for international in _international_forms(written)]
    for spelling, region in spellings:
        parsed = _parsed(spelling, region)
        if parsed is not None and _is_valid(parsed):
            return _e164(parsed)
    return None


def possible_number(written: str) -> str | None:
    """Return an international number that its numbering plan does not exclude."""
    from phonenumbers import ValidationResult, is_possible_number_with_reason

    international = re.sub(r"[^\d+]", "", written)
    if not international.startswith(("+", _INTERNATIONAL_PREFIX)):
        return None
    parsed = _parsed(next(_international_forms(international)), None)
    if parsed is None or is_filler(str(parsed.national_number)):
        return None
    possible = is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    # Outside its numbering plan a number may lose a trunk prefix at each parse: that is no stable identifier.
    stable = possible and _parsed(_e164(parsed), None) == parsed
    return _e164(parsed) if stable else None


def vanity_number(typed: str, regions: Sequence[str]) -> str | None:
    """Return a valid number whose last digits are spelled in letters, such as `+1-800-FLOWERS`."""
    extension = _EXTENSION.search(typed)
    match = _VANITY.search(typed, endpos=extension.start() if extension else len(typed))
    if match is None or not _LETTERS_BESIDE_NUMBERS.isdisjoint(_SEPARATE_WORD.findall(match[0].lower())):
        return None
    if sum(map(str.isalpha, match[0])) < _VANITY_LETTERS_MIN:
        return None
    for region in regions if not match[0].startswith("+") else (None,):
        parsed = _parsed(match[0], region)
        if parsed is not None and _is_valid(parsed):
            return _e164(parsed) + extension_in(typed[match.end() :])
    return None


def _international_forms(written: str) -> Iterator[str]:
    """Yield the number with `+` in place of each international prefix that it may begin with."""
    if written.startswith("+"):
        yield _DOUBLED_PREFIX.sub("+", written)
        return
    digits = re.sub(r"\D", "", written)
    if digits.startswith(_INTERNATIONAL_PREFIX):
        yield f"+{digits.removeprefix(_INTERNATIONAL_PREFIX)}"
    for prefix in _OTHER_INTERNATIONAL_PREFIXES:
        rest = digits.removeprefix(prefix)
        if rest != digits and len(rest) >= _DIGITS_AFTER_OTHER_PREFIX_MIN:
            yield f"+{rest}"


def _parsed(spelling: str, region: str | None) -> PhoneNumber | None:
    import phonenumbers  # takes 50 ms to import, and few leads need it

    try:
        return phonenumbers.parse(spelling, region)
    except phonenumbers.NumberParseException:
        return None


def _is_valid(number: PhoneNumber) -> bool:
    from phonenumbers import is_valid_number

    return is_valid_number(number)


def _e164(number: PhoneNumber) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(number, PhoneNumberFormat.E164)
