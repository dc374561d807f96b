"""The dictionary of labels: each language has the fields of a contact form, however a form builder writes them."""

from __future__ import annotations

from importlib import resources

import pytest

from services.gateway.domain import label_dictionary
from services.gateway.domain.form_values import read_job_title
from services.gateway.domain.forms import read_form
from services.gateway.domain.label_dictionary import FIELD_OF, SOURCES, dictionary_rows, spellings
from services.gateway.domain.labels import answer_name, field_of
from services.gateway.domain.sources import HookSource
from shared.lead.normalise.labels import plain_label
from shared.policy.form_fields import is_form_field

WORD_CLASSES = {
    "interest", "whole_name", "person_words", "filler_words", "form_words", "technical_words", "things", "other_people", "ambiguous", "work_words",
    "private_words", "email_words", "opt_out_stems", "opted_out_values", "subscribed_values", "negations",
}  # fmt: skip
LABELS = {
    "en": {
        "person.email": ["E-mail", "Work Email *", "Your business e-mail address", "form_fields[email]", "lead[email]",
                         "email-1", "your-email", "q3_email", "field_email_2", "Professional email"],
        "person.first_name": ["First name", "Your first name", "first-name", "fields[first_name][value]", "firstName1"],
        "person.last_name": ["Last Name", "Surname *", "q4_name[last]", "lastname"],
        "person.name": ["Full name", "First and last name", "your-name", "name-2"],
        "person.title": ["Job title", "What is your role?", "Occupation"],
        "person.phone": ["Mobile", "Work phone number", "phone_number_1", "Telephone no."],
        "person.country": ["Country", "Country/Region"],
        "company.name": ["Company name", "Organisation", "Name of your company", "lead[company]", "q7_company"],
        "company.domain": ["Company website", "Your website", "Website URL"],
        "company.employees": ["Company size", "How many people work at your company?", "# of employees", "Number of employees"],
        "company.industry": ["Industry", "Sector"],
        "message": ["Message", "Comments or questions", "How may we help you?", "Additional comments"],
        "consent.marketing": ["Subscribe to our newsletter", "Marketing emails"],
    },
    "de": {
        "person.email": ["E-Mail-Adresse *", "Geschäftliche E-Mail", "geschaeftliche e-mail", "Ihre E-Mail-Adresse",
                         "form_fields[e-mail-adresse]", "E-Mail (geschäftlich)", "Wie lautet Ihre E-Mail-Adresse?"],
        "person.first_name": ["Vorname", "Ihr Vorname *"],
        "person.last_name": ["Nachname", "Familienname"],
        "person.name": ["Vor- und Nachname", "Ansprechpartner", "Ihr Name"],
        "person.title": ["Position", "Ihre Funktion", "Berufsbezeichnung", "Rolle im Unternehmen"],
        "person.phone": ["Telefon", "Telefonnummer (optional)", "Handynummer", "Tel.-Nr."],
        "person.country": ["Land", "Land/Region"],
        "company.name": ["Firma", "Unternehmen", "Name Ihres Unternehmens", "lead[firma]"],
        "company.domain": ["Webseite", "Website des Unternehmens"],
        "company.employees": ["Unternehmensgröße", "Unternehmensgroesse", "Anzahl der Mitarbeitenden", "Mitarbeiter:innen"],
        "company.industry": ["Branche", "Ihre Branche"],
        "message": ["Nachricht", "Anliegen", "Wie können wir Ihnen helfen?"],
        "consent.opted_out": ["Keine E-Mails"],
    },
    "fr": {
        "person.email": ["Adresse e-mail", "E-mail professionnel *", "Courriel", "Votre adresse email", "champ_email_1"],
        "person.first_name": ["Prénom", "prenom", "Votre prénom"],
        "person.last_name": ["Nom", "Nom de famille"],
        "person.name": ["Nom et prénom", "Nom complet"],
        "person.title": ["Fonction", "Intitulé du poste", "Poste occupé"],
        "person.phone": ["Téléphone", "N° de téléphone", "Numéro de mobile", "tel-1"],
        "person.country": ["Pays", "Pays de résidence"],
        "company.name": ["Société", "Entreprise", "Nom de l'entreprise", "Raison sociale"],
        "company.domain": ["Site web", "Site internet de l'entreprise"],
        "company.employees": ["Nombre de salariés", "Taille de l'entreprise", "Combien d'employés avez-vous ?", "Effectif"],
        "company.industry": ["Secteur d'activité"],
        "message": ["Message", "Votre demande", "Comment pouvons-nous vous aider ?"],
        "consent.marketing": ["Je souhaite recevoir la newsletter"],
    },
    "es": {
        "person.email": ["Correo electrónico", "Correo electrónico corporativo *", "Tu correo", "Dirección de email"],
        "person.first_name": ["Nombre", "Nombres", "nombre-1"],
        "person.last_name": ["Apellidos", "Tu apellido"],
        "person.name": ["Nombre y apellidos", "Nombre completo"],
        "person.title": ["Cargo", "Puesto en la empresa", "¿Cuál es tu cargo?"],
        "person.phone": ["Teléfono", "Número de móvil", "Celular"],
        "person.country": ["País", "País/Región"],
        "company.name": ["Empresa", "Nombre de tu empresa", "Razón social"],
        "company.domain": ["Sitio web", "Página web de la empresa"],
        "company.employees": ["Número de empleados", "Tamaño de la empresa", "¿Cuántos empleados tiene tu empresa?"],
        "company.industry": ["Sector", "Industria"],
        "message": ["Mensaje", "¿En qué podemos ayudarte?", "Comentarios"],
        "consent.marketing": ["Quiero recibir el boletín"],
    },
    "pt": {
        "person.email": ["E-mail corporativo", "Seu melhor e-mail", "Correio eletrónico", "Endereço de e-mail *"],
        "person.first_name": ["Nome", "Primeiro nome"],
        "person.last_name": ["Sobrenome", "Apelido"],
        "person.name": ["Nome completo", "Nome e sobrenome"],
        "person.title": ["Cargo", "Função na empresa", "Qual é o seu cargo?"],
        "person.phone": ["Telefone", "Telemóvel", "Celular com DDD", "Número de WhatsApp"],
        "person.country": ["País"],
        "company.name": ["Empresa", "Nome da empresa", "A sua empresa"],
        "company.domain": ["Site da empresa", "Website"],
        "company.employees": ["Número de funcionários", "Número de colaboradores", "Quantos funcionários tem a sua empresa?"],
        "company.industry": ["Setor de atividade", "Segmento"],
        "message": ["Mensagem", "Como podemos ajudar?", "Deixe a sua mensagem"],
        "consent.marketing": ["Quero receber novidades"],
    },
    "it": {
        "person.email": ["Indirizzo e-mail", "Email aziendale *", "La tua email", "Posta elettronica"],
        "person.first_name": ["Nome", "nome-1"],
        "person.last_name": ["Cognome", "Il tuo cognome"],
        "person.name": ["Nome e cognome", "Nominativo"],
        "person.title": ["Ruolo", "Posizione lavorativa", "Ruolo in azienda"],
        "person.phone": ["Telefono", "Numero di cellulare", "Recapito telefonico"],
        "person.country": ["Paese", "Nazione"],
        "company.name": ["Azienda", "Ragione sociale", "Nome dell'azienda"],
        "company.domain": ["Sito web", "Sito internet aziendale"],
        "company.employees": ["Numero di dipendenti", "Dimensione dell'azienda", "Quanti dipendenti ha la tua azienda?"],
        "company.industry": ["Settore", "Settore di attività"],
        "message": ["Messaggio", "Come possiamo aiutarti?", "La tua richiesta"],
        "consent.marketing": ["Desidero ricevere la newsletter"],
    },
    "nl": {
        "person.email": ["E-mailadres", "Zakelijk e-mailadres *", "Je e-mailadres", "form_fields[e-mailadres]", "Wat is uw e-mailadres?"],
        "person.first_name": ["Voornaam", "Uw voornaam"],
        "person.last_name": ["Achternaam", "Familienaam"],
        "person.name": ["Naam", "Voor- en achternaam", "Naam contactpersoon"],
        "person.title": ["Functie", "Functietitel", "Wat is uw functie?"],
        "person.phone": ["Telefoonnummer", "Mobiel nummer", "Telefoon (optioneel)"],
        "person.country": ["Land"],
        "company.name": ["Bedrijfsnaam", "Organisatie", "Naam van uw bedrijf"],
        "company.domain": ["Website", "Bedrijfswebsite"],
        "company.employees": ["Aantal medewerkers", "Bedrijfsgrootte", "Hoeveel medewerkers heeft uw bedrijf?"],
        "company.industry": ["Branche", "Sector"],
        "message": ["Bericht", "Vragen of opmerkingen", "Waarmee kunnen we u helpen?"],
        "consent.marketing": ["Nieuwsbrief ontvangen"],
        "consent.opted_out": ["Uitgeschreven"],
    },
    "pl": {
        "person.email": ["Adres e-mail", "Służbowy adres e-mail *", "sluzbowy email", "Twój e-mail", "Podaj adres e-mail"],
        "person.first_name": ["Imię", "imie", "Twoje imię"],
        "person.last_name": ["Nazwisko"],
        "person.name": ["Imię i nazwisko", "imie i nazwisko", "Osoba kontaktowa"],
        "person.title": ["Stanowisko", "Twoje stanowisko", "Stanowisko w firmie"],
        "person.phone": ["Numer telefonu", "Telefon komórkowy", "Telefon (opcjonalnie)", "Nr tel."],
        "person.country": ["Kraj"],
        "company.name": ["Nazwa firmy", "Firma", "Przedsiębiorstwo", "przedsiebiorstwo"],
        "company.domain": ["Strona internetowa", "Strona WWW firmy"],
        "company.employees": ["Liczba pracowników", "liczba pracownikow", "Wielkość firmy", "Ilu pracowników zatrudnia firma?"],
        "company.industry": ["Branża", "branza"],
        "message": ["Wiadomość", "Treść wiadomości", "W czym możemy pomóc?"],
        "consent.marketing": ["Zgoda marketingowa"],
    },
    "sv": {
        "person.email": ["E-post", "E-postadress *", "Din e-post", "Jobbmejl", "Företagets e-post", "foretagets e-post"],
        "person.first_name": ["Förnamn", "fornamn", "Ditt förnamn"],
        "person.last_name": ["Efternamn"],
        "person.name": ["Namn", "För- och efternamn", "Fullständigt namn"],
        "person.title": ["Befattning", "Jobbtitel", "Din roll", "Titel"],
        "person.phone": ["Telefonnummer", "Mobilnummer (valfritt)", "Ditt telefonnummer"],
        "person.country": ["Land"],
        "company.name": ["Företag", "Företagsnamn", "foretag", "Organisation"],
        "company.domain": ["Webbplats", "Företagets hemsida"],
        "company.employees": ["Antal anställda", "Hur många anställda har ni?", "Företagsstorlek"],
        "company.industry": ["Bransch"],
        "message": ["Meddelande", "Hur kan vi hjälpa dig?", "Övrig information"],
        "consent.marketing": ["Prenumerera på vårt nyhetsbrev"],
        "consent.opted_out": ["Avregistrerad"],
    },
    "da": {
        "person.email": ["E-mailadresse", "Arbejdsmail *", "Din e-mail", "Hvad er din e-mailadresse?"],
        "person.first_name": ["Fornavn", "Dit fornavn"],
        "person.last_name": ["Efternavn"],
        "person.name": ["Navn", "Fulde navn", "For- og efternavn"],
        "person.title": ["Stilling", "Stillingsbetegnelse", "Jobtitel", "Din rolle"],
        "person.phone": ["Telefonnummer", "Tlf. nr.", "Mobilnummer (valgfrit)"],
        "person.country": ["Land"],
        "company.name": ["Virksomhed", "Firmanavn", "Virksomhedens navn"],
        "company.domain": ["Hjemmeside", "Virksomhedens hjemmeside"],
        "company.employees": ["Antal ansatte", "Virksomhedsstørrelse", "virksomhedsstoerrelse", "Hvor mange ansatte har I?"],
        "company.industry": ["Branche"],
        "message": ["Besked", "Hvordan kan vi hjælpe dig?", "hvordan kan vi hjaelpe dig", "Bemærkninger"],
        "consent.marketing": ["Ja tak til nyhedsbrev"],
        "consent.opted_out": ["Afmeldt"],
    },
}  # fmt: skip
WORK_AND_OTHERS = [
    ("Work email", "Billing e-mail"), ("Work email", "Personal email"), ("Geschäftliche E-Mail", "Rechnungs-E-Mail"),
    ("Geschäftliche E-Mail", "Private E-Mail"), ("E-mail professionnel", "E-mail de facturation"),
    ("E-mail professionnel", "E-mail personnel"), ("Correo corporativo", "Correo de facturación"),
    ("Correo de trabajo", "Correo personal"), ("E-mail corporativo", "E-mail para faturamento"),
    ("E-mail profissional", "E-mail pessoal"), ("Email aziendale", "Email fatturazione"), ("Email di lavoro", "Email personale"),
    ("Zakelijk e-mailadres", "E-mailadres facturatie"), ("Zakelijk e-mailadres", "Privé e-mailadres"),
    ("Służbowy adres e-mail", "E-mail do faktury"), ("E-mail służbowy", "E-mail prywatny"),
    ("Jobbmejl", "E-post för faktura"), ("E-post (jobb)", "Privat e-post"), ("Arbejdsmail", "E-mail til faktura"),
    ("E-mail (arbejde)", "Privat e-mail"),
]  # fmt: skip
AROUND = [
    "form_fields[{}]", "lead[{}]", "{}-1", "your-{}", "q3_{}", "q3_{}3", "field_{}_2", "input_{}", "txt_{}", "frm_{}", "cf_{}",
    "wpcf7-{}", "contact.{}", "data[{}]", "{}[]", "{}[0]", "fields[{}][value]", "{} *", "{} (required)", "wpforms[fields][{}]",
]  # fmt: skip
SOURCE = HookSource("website")


@pytest.mark.parametrize(
    ("language", "label", "field"),
    [
        (language, label, field)
        for language, fields in LABELS.items()
        for field, labels in fields.items()
        for label in labels
    ],
)
def test_each_language_has_the_labels_of_a_contact_form(language: str, label: str, field: str):
    assert field_of(label) == field


@pytest.mark.parametrize("written", AROUND)
@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("email", "person.email"), ("name", "person.name"), ("first name", "person.first_name"), ("company", "company.name"),
        ("phone", "person.phone"), ("nachname", "person.last_name"), ("société", "company.name"), ("cargo", "person.title"),
        ("nome", "person.first_name"), ("cognome", "person.last_name"), ("e mailadres", "person.email"),
        ("nazwa firmy", "company.name"), ("företag", "company.name"), ("telefonnummer", "person.phone"), ("navn", "person.name"),
    ],
)  # fmt: skip
def test_what_form_builders_put_around_a_label_changes_nothing(written: str, label: str, field: str):
    words = label.split()
    assert field_of(written.format("_".join(words))) == field
    assert field_of(written.format("-".join(words))) == field
    assert field_of(written.format("_".join(words)).upper()) == field


@pytest.mark.parametrize(("work", "other"), WORK_AND_OTHERS)
@pytest.mark.parametrize("work_first", [True, False])
def test_the_address_at_work_goes_before_any_other(work: str, other: str, work_first: bool):
    pairs = [(work, "ana@kestrel.example"), (other, "other@elsewhere.example")]
    lead = read_form(pairs if work_first else pairs[::-1], SOURCE)
    assert lead.person.email == "ana@kestrel.example"
    assert list(lead.answers.values()) == ["other@elsewhere.example"]


@pytest.mark.parametrize(
    ("form", "first", "last"),
    [
        ({"Nombre": "Ana Ruiz"}, "Ana", "Ruiz"),
        ({"your-nom": "Jean Dupont"}, "Jean", "Dupont"),
        ({"Nome": "João Silva", "Empresa": "Alvor"}, "João", "Silva"),
        ({"Nombre": "Ana"}, "Ana", None),
        ({"Nom": "Dupont"}, None, "Dupont"),
        ({"Nombre": "María José", "Apellidos": "Ruiz"}, "María José", "Ruiz"),
        ({"Nom": "de la Tour", "Prénom": "Anne"}, "Anne", "de la Tour"),
        ({"First name": "Mary Ann"}, "Mary Ann", None),
    ],
)
def test_a_part_of_a_name_that_is_asked_for_alone_may_be_the_whole_name(
    form: dict[str, str], first: str | None, last: str | None
):
    person = read_form(form, SOURCE).person
    assert (person.first_name, person.last_name) == (first, last)


@pytest.mark.parametrize("label", ["campo_7", "Frage 3", "pole_12", "fält 4", "felt", "x"])
def test_the_only_value_that_is_an_address_is_the_last_resort(label: str):
    assert (
        read_form({label: "ana@kestrel.example", "other": "text"}, SOURCE).person.email
        == "ana@kestrel.example"
    )


@pytest.mark.parametrize(
    "label",
    [
        "Interesse",
        "Ihr Interesse",
        "Área de interés",
        "Centres d'intérêt",
        "Zainteresowania",
        "Intresseområde",
    ],
)
def test_what_somebody_is_interested_in_has_one_name(label: str):
    assert answer_name(label) == "interest"


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_has_known_keys_and_labels_in_plain_form(name: str):
    folder = resources.files(label_dictionary.__package__).joinpath("form_labels")
    rows = list(dictionary_rows(folder.joinpath(f"{name}.txt").read_text(encoding="utf-8")))
    assert rows
    for key, labels in rows:
        assert is_form_field(key) or key in WORD_CLASSES
        assert len(set(labels)) == len(labels)
        for label in labels:
            assert label.removesuffix("*") == plain_label(label.removesuffix("*")) != ""


def test_every_file_of_the_folder_is_read():
    folder = resources.files(label_dictionary.__package__).joinpath("form_labels")
    assert {file.name for file in folder.iterdir()} == {*(f"{name}.txt" for name in SOURCES), "README.md"}


def test_of_one_label_with_two_meanings_the_later_file_wins():
    assert FIELD_OF["nome"] == "person.first_name"
    assert FIELD_OF["name"] == "person.name"
    assert FIELD_OF["titel"] == "person.title"


@pytest.mark.parametrize(
    ("label", "spelling"),
    [
        ("größe", "groesse"),
        ("größe", "grosse"),
        ("størrelse", "stoerrelse"),
        ("treść", "tresc"),
        ("służbowy", "sluzbowy"),
    ],
)
def test_a_label_is_known_without_its_special_letters(label: str, spelling: str):
    assert spelling in spellings(label)


@pytest.mark.parametrize(
    "value", ["Mr", "Mrs.", "Dr.", "Prof. Dr.", "Herr", "Frau Dr.", "Mme", "Sra.", "Pan"]
)
def test_a_form_of_address_is_no_job_title(value: str):
    assert read_job_title(value) is None


@pytest.mark.parametrize(
    "value", ["Head of Data", "MD", "Professor of Law", "Frauenbeauftragte", "Sr. Engineer", "Ing. Manager"]
)
def test_any_other_title_is_one(value: str):
    assert read_job_title(value) == value
