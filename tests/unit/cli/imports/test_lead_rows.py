"""A file of leads: what is read of each row, and the event id that it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.import_file import opened_file
from services.cli.imports.lead_rows import LEAD_BYTES_MAX, known_headings, read_leads


def read(file: Path, **options: Any) -> list[tuple[int, Any]]:
    """Return line and body of each row, or its problem."""
    with opened_file(file, known_headings, **options) as opened:
        _, rows = read_leads(opened)
        return [(row.line, row.problem or json.loads(row.body)) for row in rows]


Written = Callable[[str | bytes], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str | bytes) -> Path:
        file = tmp_path / "leads"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def workbook(folder: Path, rows: Sequence[Sequence[Any]], **sheets: Sequence[Sequence[Any]]) -> Path:
    book = Workbook()
    for number, (name, content) in enumerate({"Sheet": rows, **sheets}.items()):
        sheet = book.active if number == 0 else book.create_sheet(name)
        assert sheet is not None
        for row in content:
            sheet.append(list(row))
    file = folder / "leads.xlsx"
    book.save(file)
    return file


def test_columns_are_recognised_as_those_of_a_form(written: Written):
    [(line, lead)] = read(written("Work Email,Name,Company size\nana@kestrel.example,Ana Ruiz,51-200\n"))
    assert line == 2
    assert lead["person"] == {"email": "ana@kestrel.example", "first_name": "Ana", "last_name": "Ruiz"}
    assert lead["company"]["employees"] == 51
    assert lead["source"]["channel"] == "import"


@pytest.mark.parametrize(
    "header",
    [
        "Email,FirstName,LastName,Company,Website,NumberOfEmployees,Title,Phone",
        "Email Address,First Name,Last Name,Company / Account,Website,No. of Employees,Title,Phone",
        "Email,First Name,Last Name,Company name,Website URL,Number of Employees,Job Title,Phone Number",
        "E-Mail-Adresse,Vorname,Nachname,Firma,Webseite,Mitarbeiterzahl,Position,Telefonnummer",
        "E-Mail,Vorname,Nachname,Unternehmen,Homepage,Unternehmensgröße,Funktion,Telefon",
        "Adresse e-mail,Prénom,Nom,Société,Site web,Effectif,Poste,Téléphone",
        "Courriel,Prenom,Nom de famille,Entreprise,Site internet,Nombre d'employés,Fonction,Tél.",
        "Correo electrónico,Nombre,Apellidos,Empresa,Sitio web,Número de empleados,Cargo,Teléfono",
        "Correo electronico,Nombre,Apellido,Compania,Pagina web,Numero de empleados,Puesto,Movil",
        "E-mail,Nome,Sobrenome,Empresa,Site,Número de funcionários,Cargo,Telefone",
        "Indirizzo e-mail,Nome,Cognome,Azienda,Sito web,Numero di dipendenti,Qualifica,Telefono",
    ],
)
def test_columns_are_recognised_in_the_languages_and_words_of_crms(written: Written, header: str):
    row = "ana@kestrel.example,Ana,Ruiz,Kestrel,https://kestrel.example/,120,CFO,+493012345678"
    [(_, lead)] = read(written(f"{header}\n{row}\n"))
    assert lead["person"] == {
        "email": "ana@kestrel.example",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "title": "CFO",
        "phone": "+493012345678",
    }
    assert lead["company"] == {"name": "Kestrel", "domain": "kestrel.example", "employees": 120}
    assert "answers" not in lead


def test_linkedins_connections_have_their_profile_in_a_column_named_url(written: Written):
    text = (
        'Notes:\n"When exporting your connection data, ..."\n\n'
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        "Ana,Ruiz,https://www.linkedin.com/in/ana-ruiz,,Kestrel,CFO,01 Mar 2026\n"
    )
    [(line, lead)] = read(written(text))
    assert line == 5
    assert lead["person"]["linkedin_url"] == "https://www.linkedin.com/in/ana-ruiz"
    assert "domain" not in lead["company"]


OPT_OUTS = ["doNotEmail", "HasOptedOutOfEmail", "Email Opt Out", "Unsubscribed from all email", "Abgemeldet"]


@pytest.mark.parametrize("label", OPT_OUTS)
@pytest.mark.parametrize(
    ("value", "opted_out"),
    [
        *(
            (yes, True)
            for yes in ("1", "t", "TRUE", "true", "ja", "oui", "sí", "x", "X", "2026-03-01", "all")
        ),
        *((no, None) for no in ("0", "f", "FALSE", "nein", "non", "no", "")),
    ],
)
def test_who_opted_out_is_read_as_such(written: Written, label: str, value: str, opted_out: bool | None):
    [(_, lead)] = read(written(f"Email,{label}\nana@kestrel.example,{value}\n"))
    assert lead.get("consent", {}).get("opted_out") in ({True} if opted_out else {None, False})


@pytest.mark.parametrize(
    ("cell", "others", "separator", "at"),
    [
        ("2026-03-04T10:00:00Z", [], ",", "2026-03-04T10:00:00+00:00"),
        ("2026-03-04 10:00", [], ",", "2026-03-04T10:00:00+00:00"),
        ("2026-03-04T10:00:00.000+0100", [], ",", "2026-03-04T10:00:00+01:00"),
        ("04.03.2026", [], ",", "2026-03-04T00:00:00+00:00"),
        ("04/03/2026 10:30", [], ";", "2026-03-04T10:30:00+00:00"),
        ("04/03/2026", ["25/03/2026"], ",", "2026-03-04T00:00:00+00:00"),
        ("3/4/2026 2:05 PM", ["3/25/2026 1:00 PM"], ",", "2026-03-04T14:05:00+00:00"),
        ("3/4/2026 12:05 AM", ["12/31/2026 1:00 PM"], ",", "2026-03-04T00:05:00+00:00"),
        ("3/4/2026", [], ",", None),  # nothing shows which is the month
        ("31/31/2026", [], ",", None),
        ("last week", [], ",", None),
    ],
)
def test_dates_are_read_as_their_column_writes_them(written: Written, cell, others, separator, at):
    lines = ["Email,Submitted at", *(f"ana@kestrel.example,{value}" for value in [cell, *others])]
    [(_, lead), *_] = read(written("\n".join(lines).replace(",", separator)))
    found = lead["source"].get("submitted_at")
    assert (datetime.fromisoformat(found) if found else None) == (datetime.fromisoformat(at) if at else None)
    assert bool(lead.get("answers")) is (at is None)


@pytest.mark.parametrize(
    ("cell", "employees"),
    [("120.0", 120), ("120,00", 120), ("1.500", 1500), ("1.500,00", 1500), ("1,500.0", 1500)],
)
def test_whole_numbers_may_be_written_with_a_fraction(written: Written, cell: str, employees: int):
    [(_, lead)] = read(written(f"Email;Employees\nana@kestrel.example;{cell}\n"))
    assert lead["company"]["employees"] == employees


def test_a_row_with_more_cells_than_a_form_may_have_keeps_those_of_known_columns(written: Written):
    columns = [*(f"own {number}" for number in range(300)), "Email"]
    [(_, lead)] = read(written(f"{','.join(columns)}\n{'x,' * 300}ana@kestrel.example\n"))
    assert lead["person"]["email"] == "ana@kestrel.example"
    assert list(lead["answers"]) == [f"own {number}" for number in range(199)]


class TestEventIds:
    def ids(self, rows: list[tuple[int, Any]]) -> list[str]:
        return [lead["event_id"] for _, lead in rows]

    def test_a_row_has_the_same_id_wherever_it_stands(self, written: Written, tmp_path: Path):
        table = "Email,Title\nana@kestrel.example,CFO\nben@kestrel.example,CTO\n"
        ana, ben = self.ids(read(written(table)))
        assert ana != ben
        other_order = "Title;Email\r\nCTO;ben@kestrel.example\r\n;\r\nCFO;ana@kestrel.example;\r\n"
        assert self.ids(read(written(other_order))) == [ben, ana]
        assert self.ids(read(workbook(tmp_path, [["Email", "Title"], ["ana@kestrel.example", "CFO"]]))) == [
            ana
        ]
        assert self.ids(read(written('{"Title": "CFO", "Email": "ana@kestrel.example"}'))) == [ana]

    def test_a_changed_row_has_another_id(self, written: Written):
        first, second = self.ids(
            read(written("Email,Title\nana@kestrel.example,CFO\nana@kestrel.example,CEO\n"))
        )
        assert first != second

    def test_a_leads_own_id_is_part_of_its_content(self, written: Written):
        text = '{"person": {"email": "a@kestrel.example"}, "event_id": "1"}\n' * 2
        first, again = self.ids(read(written(text)))
        [other] = self.ids(read(written(text.replace('"1"', '"2"').splitlines()[0])))
        assert first == again != other


class TestJson:
    def test_a_lead_of_the_intake_s_shape_is_sent_as_it_is(self, written: Written):
        lead = {"person": {"email": "ana@kestrel.example"}, "unknown": 1}
        [(line, body)] = read(written(f"\n  {json.dumps(lead)}\n"))
        assert (line, body.pop("event_id").startswith("import-"), body) == (2, True, lead)

    def test_an_object_of_another_shape_is_read_as_a_form(self, written: Written):
        [(_, lead)] = read(written('{"Work Email": "ana@kestrel.example"}'))
        assert lead["person"]["email"] == "ana@kestrel.example"

    def test_a_line_that_is_no_object_is_reported_and_the_others_are_read(self, written: Written):
        rows = read(written('{"a":\n5\n\n"x"\n{"email": "ana@kestrel.example"}\n'))
        assert [line for line, _ in rows] == [1, 2, 4, 5]
        assert rows[0][1].startswith("this is not JSON: ")
        assert rows[1][1] == rows[2][1] == "this is not an object"

    @pytest.mark.parametrize("indent", [None, 2])
    def test_an_array_may_have_any_layout(self, written: Written, indent: int | None):
        leads = [{"email": f"{name}@kestrel.example", "answers": [1, {"a": "]"}]} for name in ("ana", "ben")]
        rows = read(written(json.dumps(leads, indent=indent)))
        assert [lead["person"]["email"] for _, lead in rows] == [lead["email"] for lead in leads]
        assert rows[1][0] == (1 if indent is None else 11)

    def test_one_object_over_several_lines_is_read(self, written: Written):
        [(_, lead)] = read(written('{\n  "email": "ana@kestrel.example"\n}\n'))
        assert lead["person"]["email"] == "ana@kestrel.example"

    def test_what_follows_a_broken_item_of_an_array_is_not_read(self, written: Written):
        rows = read(
            written('[{"email": "ana@kestrel.example"},\n {"email": oops},\n {"email": "x@y.example"}]')
        )
        assert rows[0][1]["person"]["email"] == "ana@kestrel.example"
        assert rows[1][0] == 2
        assert rows[1][1].endswith("what follows was not read")

    def test_a_row_too_long_to_be_sent_is_reported(self, written: Written):
        lead = {"person": {"email": "ana@kestrel.example"}, "message": "x" * LEAD_BYTES_MAX}
        assert read(written(json.dumps(lead))) == [(1, "the row is too long to be sent")]

    def test_nesting_without_end_is_reported(self, written: Written):
        [(_, problem)] = read(written('{"a":' + "[" * 100_000))
        assert problem.startswith("this is not JSON")


class TestWorkbooks:
    def test_cells_have_the_values_that_they_show(self, tmp_path: Path):
        header = ["Email", "Employees", "Email Opt Out", "Submitted at", "Note"]
        at = datetime(2026, 3, 4, 10, 30)  # noqa: DTZ001 - as a workbook has it
        rows: list[list[Any]] = [
            header,
            ["ana@kestrel.example", 120.0, True, at, "#N/A"],
            [None] * 5,
            ["b@kestrel.example"],
        ]
        [(line, lead), (last, _)] = read(workbook(tmp_path, rows))
        assert (line, last) == (2, 4)
        assert lead["company"]["employees"] == 120
        assert lead["consent"]["opted_out"] is True
        assert datetime.fromisoformat(lead["source"]["submitted_at"]) == at.replace(tzinfo=UTC)
        assert "answers" not in lead

    def test_a_day_is_its_beginning_in_utc(self, tmp_path: Path):
        rows: list[list[Any]] = [["Email", "Submitted at"], ["ana@kestrel.example", date(2026, 3, 4)]]
        [(_, lead)] = read(workbook(tmp_path, rows))
        assert lead["source"]["submitted_at"].startswith("2026-03-04T00:00:00")

    def test_a_title_may_stand_above_the_header(self, tmp_path: Path):
        rows = [["Leads of the fair"], [], ["Email", "Company"], ["ana@kestrel.example", "Kestrel"]]
        [(line, lead)] = read(workbook(tmp_path, rows))
        assert (line, lead["company"]["name"]) == (4, "Kestrel")

    def test_a_sheet_is_chosen_by_its_name(self, tmp_path: Path):
        file = workbook(tmp_path, [["Email"]], Leads=[["Email"], ["ana@kestrel.example"]])
        assert [line for line, _ in read(file, sheet="Leads")] == [2]
        with pytest.raises(FileUnreadable, match="there are Sheet, Leads"):
            read(file, sheet="Lead")

    def test_a_workbook_is_known_by_its_content_not_by_its_name(self, tmp_path: Path):
        file = workbook(tmp_path, [["Email"], ["ana@kestrel.example"]])
        assert len(read(file.rename(tmp_path / "leads.csv"))) == 1

    def test_a_broken_workbook_is_unreadable(self, tmp_path: Path):
        file = workbook(tmp_path, [["Email"], ["ana@kestrel.example"]])
        file.write_bytes(file.read_bytes()[:900])
        with pytest.raises(FileUnreadable, match="not an Excel workbook"):
            read(file)

    def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(self, tmp_path, monkeypatch):
        file = workbook(tmp_path, [["Email"], *(["x" * 1000] for _ in range(100))])
        monkeypatch.setattr("services.cli.imports.xlsx_rows.UNPACKED_BYTES_MAX", 10_000)
        with pytest.raises(FileUnreadable, match="unpacks to more than is allowed"):
            read(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), r"old \(\.xls\)"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08" + bytes(20), "compressed"),
        (b"<html><table>", "web page"),
        (b"\x00\x01\x02\x03", "not a text file"),
        (b"PK\x03\x04" + bytes(20), "not an Excel workbook"),
    ],
)
def test_a_file_that_is_no_table_is_unreadable_for_a_reason(written: Written, content: bytes, reason: str):
    with pytest.raises(FileUnreadable, match=reason):
        read(written(content))


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path):
    with pytest.raises(FileUnreadable, match="No such file"):
        read(tmp_path / "none.csv")


def test_an_unknown_encoding_is_named(written: Written):
    with pytest.raises(FileUnreadable, match="klingon"):
        read(written("Email\n"), encoding="klingon")
