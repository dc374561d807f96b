"""CSV and text as spreadsheets and CRMs write them: encodings, separators, titles, and broken quotes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.imports.lead_rows import known_headings
from services.gateway.domain.csv_table import Table, TableRow, UnreadableRow, read_csv_table
from services.gateway.domain.text_encoding import LINE_LENGTH_MAX, guessed_encoding, text_lines

HEADER = "Email,First name,Last name,Company size"
ROW = "ann@x.example,Änn,Böhm,51-200"


def table(raw: bytes) -> Table:
    found = read_csv_table(text_lines(BytesIO(raw)), known_headings)
    assert found is not None
    return found


def rows(raw: bytes) -> list[tuple[int, Sequence[str] | str]]:
    """Return line and cells of each row, or its problem."""
    return [(row.line, row.cells if isinstance(row, TableRow) else row.problem) for row in table(raw).rows]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_whatever_its_separator_encoding_and_line_ends(separator, encoding, line_end):
    text = line_end.join([HEADER, ROW, ""]).replace(",", separator)
    found = table(text.encode(encoding))
    assert (found.columns, found.separator) == (HEADER.split(","), separator)
    assert [row.cells for row in found.rows if isinstance(row, TableRow)] == [ROW.split(",")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Prénom;Nom\nHélène;Lefèvre\nFrançois;Besançon\n", "cp1252"),
        ("Nombre;Compañía\nJosé;Muñoz S.A.\nMaría;Peña\n", "cp1252"),
        ("Nome;Função\nJoão;Ação\nConceição;Cooperação\n", "cp1252"),
        ("Firma;Preis\nMüller – Söhne;5 €\n", "cp1252"),  # noqa: RUF001
        ("Imię;Nazwisko\nŁukasz;Wiśniewski\nZażółć;Gęślą\n", "cp1250"),
        ("Имя;Фамилия\nИван;Петров\nОльга;Иванова\n", "cp1251"),  # noqa: RUF001
        ("Name\n山田太郎\n鈴木花子\n", "shift_jis"),
        ("Name\n王小明\n李华\n", "gb18030"),
    ],
)
def test_an_encoding_that_is_not_unicode_is_guessed(text: str, encoding: str):
    raw = text.encode(encoding)
    assert raw.decode(guessed_encoding(raw)) == text


def test_an_encoding_that_is_named_goes_before_the_guess():
    raw = "Jméno\nRůžena\n".encode("cp1250")
    assert list(text_lines(BytesIO(raw), "cp1250")) == ["Jméno\n", "Růžena\n"]


def test_one_line_in_another_encoding_does_not_spoil_the_others():
    raw = "Änn\n".encode() + "Böhm\n".encode("cp1252") + "Zoë\n".encode()
    assert list(text_lines(BytesIO(raw))) == ["Änn\n", "Böhm\n", "Zoë\n"]


def test_a_line_without_end_is_cut_so_that_it_takes_no_more_memory():
    raw = b"x" * (LINE_LENGTH_MAX + 5)
    assert [len(line) for line in text_lines(BytesIO(raw))] == [LINE_LENGTH_MAX, 5]


def test_excel_may_declare_the_separator():
    assert rows(b"sep=;\r\nEmail;Name\r\na@x.example;A, B\r\n") == [(3, ["a@x.example", "A, B"])]


def test_a_title_above_the_header_is_skipped():
    raw = b'Notes:\n"When exporting, you may miss some"\n\nFirst Name,URL,Email Address\nAnn,u,a@x.example\n'
    assert table(raw).columns == ["First Name", "URL", "Email Address"]
    assert rows(raw) == [(5, ["Ann", "u", "a@x.example"])]


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ("a@x.example,A,", ["a@x.example", "A"]),
        ("a@x.example,A, , ,", ["a@x.example", "A"]),
        ("a@x.example", ["a@x.example"]),
        ("a@x.example,A,more", "the row has 3 cells, the header has 2"),
    ],
)
def test_empty_cells_beyond_the_header_are_ignored_and_others_are_a_problem(row: str, read: object):
    assert rows(f"Email,Name\n{row}\n".encode()) == [(2, read)]


INSIDE = "a quotation mark stands within a quoted cell; it has to be doubled"


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ('b@x.example,"he said "hi" there"', INSIDE),
        ('b@x.example,"never closed', "a quotation mark is not closed"),
        ('b@x.example,"closed" too early', INSIDE),
    ],
)
def test_a_broken_quote_costs_its_line_and_no_other(broken: str, problem: str):
    raw = f'Email,Message\na@x.example,hello\n{broken}\nc@x.example,bye\nd@x.example,"two\n\nlines"\n'
    assert rows(raw.encode()) == [
        (2, ["a@x.example", "hello"]),
        (3, problem),
        (4, ["c@x.example", "bye"]),
        (5, ["d@x.example", "two\n\nlines"]),
    ]


def test_a_quotation_mark_within_an_unquoted_cell_is_text():
    assert rows(b'Email,Message\na@x.example,a 5" pipe\n') == [(2, ["a@x.example", 'a 5" pipe'])]


@pytest.mark.parametrize("raw", [b"", b"\n\n \n", b"\xef\xbb\xbf", b"sep=;\n"])
def test_a_file_of_blank_lines_has_no_table(raw: bytes):
    assert read_csv_table(text_lines(BytesIO(raw)), known_headings) is None


def test_columns_without_a_heading_are_numbered_and_empty_ones_at_the_end_are_none():
    assert table(b"Email,,Name,,\na@x.example,b,c\n").columns == ["Email", "column 2", "Name"]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_rows_or_problems(raw: bytes):
    found = read_csv_table(text_lines(BytesIO(raw)), known_headings)
    for row in found.rows if found else ():
        assert isinstance(row, TableRow | UnreadableRow)
        assert row.line >= 1


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.lists(text, min_size=3, max_size=3), max_size=8), st.sampled_from(",;\t|"))
def test_what_csv_writes_is_read_back(written: list[list[str]], separator: str):
    out = StringIO()
    csv.writer(out, delimiter=separator).writerows([["Email", "First name", "Company"], *written])
    read = table(out.getvalue().encode())
    expected = [row for row in written if any(cell.strip() for cell in row)]
    assert [row.cells for row in read.rows if isinstance(row, TableRow)] == expected
