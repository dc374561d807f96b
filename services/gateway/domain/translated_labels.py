"""Labels of form fields and columns in other languages than English, and as CRMs and networks export them.

Plain labels (see `plain_label`), between bars, by field. Spellings without accents are added, and those that
write German umlauts with `e`.

Sources: the column names of Salesforce's exports and of its API, of HubSpot's exports of contacts and
companies, of LinkedIn's lead forms and of its export of connections, and of these products in the languages.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

_CRM: Final = {
    "person.email": "email 1|primary email|contact email address|email id|preferred email",
    "person.name": "lead name|contact full name|full contact name",
    "person.first_name": "contact first name|lead first name",
    "person.last_name": "contact last name|lead last name",
    "person.title": "contact title|current title|current position|jobtitle",
    "person.phone": "mobile phone number|phone 1|primary phone|direct phone|business phone|office phone"
    "|cell phone|telephone number|phone no",
    "person.linkedin_url": "linked in profile url|linked in url|linkedin profile url|profile url"
    "|person linked in|contact linked in url|hs linkedin url|linked in bio",
    "person.country": "mailing country|lead country|contact country|country code text only"
    "|mailing country code",
    "company.name": "company account|account|associated company|primary company"
    "|associated company primary|current company|lead company|parent account",
    "company.domain": "company domain name|website domain|account website|company web site|web page"
    "|email domain",
    "company.employees": "num employees|numberofemployees|company headcount|employees total"
    "|company number of employees|number employees",
    "company.industry": "company sector|account industry|linked in industry",
    "company.country": "billing country|account country|company country region|billing country code",
    "company.technologies": "web technologies",
    "message": "lead description|notes comments",
    "consent.opted_out": "do not email|has opted out of email|email opted out|opted out of email"
    "|unsubscribed from all email|unsubscribed from all emails|opted out of all email|hs email optout"
    "|global unsubscribe|do not mail|do not contact me|no email|no emails|dnc|emailoptout"
    "|email unsubscribed|opted out of marketing|opt out of emails",
    "source.submitted_at": "lead creation date|lead created date|lead created time|form submitted at"
    "|submission time|submitted on",
    "source.campaign": "campaign name|recent campaign",
    "source.form_id": "lead form id",
}
_GERMAN: Final = {
    "person.email": "e mail adresse|email adresse|mailadresse|mail adresse|geschäftliche e mail"
    "|geschäftliche e mail adresse|e mail geschäftlich|ihre e mail|ihre e mail adresse|emailadresse",
    "person.name": "vollständiger name|ihr name|vor und nachname|ansprechpartner|ansprechpartnerin"
    "|kontaktname",
    "person.first_name": "vorname|ihr vorname|rufname",
    "person.last_name": "nachname|familienname|ihr nachname|zuname",
    "person.title": "stelle|stellenbezeichnung|berufsbezeichnung|jobtitel|jobbezeichnung|funktion|rolle"
    "|ihre position|tätigkeit",
    "person.phone": "telefon|telefonnummer|mobil|mobiltelefon|mobilnummer|handy|handynummer|rufnummer"
    "|tel nr|telefon geschäftlich|ihre telefonnummer|rückrufnummer|festnetz",
    "person.linkedin_url": "linkedin profil|linked in profil|linkedin profil url|linked in profil url",
    "person.country": "land|land region|ihr land|ländercode|länderkennzeichen|herkunftsland",
    "company.name": "firma|firmenname|unternehmen|unternehmensname|name des unternehmens|name der firma"
    "|ihr unternehmen|ihre firma|organisation|arbeitgeber|account name|kunde",
    "company.domain": "webseite|internetseite|homepage|firmenwebsite|website url|unternehmenswebsite"
    "|unternehmenswebseite|internetadresse|web adresse|firmenhomepage",
    "company.employees": "mitarbeiter|mitarbeiterzahl|mitarbeiteranzahl|anzahl mitarbeiter"
    "|anzahl der mitarbeiter|unternehmensgröße|firmengröße|betriebsgröße|anzahl mitarbeitende"
    "|mitarbeitende|beschäftigte|anzahl der beschäftigten|wie viele mitarbeiter haben sie|teamgröße",
    "company.industry": "branche|industrie|wirtschaftszweig|sektor",
    "company.country": "land des unternehmens|firmensitz land|rechnungsland|land der firma",
    "company.technologies": "technologien|eingesetzte technologien",
    "message": "nachricht|ihre nachricht|mitteilung|bemerkung|bemerkungen|kommentar|kommentare|anmerkung"
    "|anmerkungen|anfrage|ihre anfrage|anliegen|ihr anliegen|notiz|notizen|beschreibung|frage"
    "|wie können wir helfen|wie können wir ihnen helfen",
    "consent.marketing": "newsletter abonnieren|werbeeinwilligung|marketing einwilligung"
    "|einwilligung marketing|newsletter anmeldung|e mail einwilligung",
    "consent.opted_out": "abgemeldet|newsletter abgemeldet|e mail abmeldung|keine e mails|keine e mail"
    "|nicht kontaktieren|kontaktsperre|werbesperre|widerspruch|werbewiderspruch|abbestellt"
    "|e mail opt out|keine werbung|von e mails abgemeldet|von allen e mails abgemeldet",
    "source.campaign": "kampagne|kampagnenname",
    "source.submitted_at": "eingangsdatum|gesendet am|übermittelt am|abgesendet am",
}
_FRENCH: Final = {
    "person.email": "adresse e mail|adresse email|adresse mail|courriel|adresse électronique"
    "|e mail professionnel|email professionnel|votre e mail|votre email|adresse e mail professionnelle"
    "|adresse courriel|mél",
    "person.name": "nom complet|votre nom|nom et prénom|prénom et nom|nom du contact",
    "person.first_name": "prénom|votre prénom",
    "person.last_name": "nom|nom de famille",
    "person.title": "poste|fonction|intitulé du poste|intitulé de poste|titre du poste|titre"
    "|votre fonction|votre poste|profession|emploi",
    "person.phone": "téléphone|numéro de téléphone|tél|n de téléphone|no de téléphone|mobile|portable"
    "|téléphone portable|téléphone mobile|téléphone professionnel|votre téléphone",
    "person.linkedin_url": "profil linkedin|profil linked in|url linkedin|url linked in"
    "|url du profil linkedin|url du profil linked in",
    "person.country": "pays|pays région|votre pays|code pays",
    "company.name": "société|entreprise|nom de l entreprise|nom de la société|raison sociale"
    "|organisation|votre entreprise|votre société|employeur|compte|nom du compte|nom entreprise",
    "company.domain": "site web|site internet|site|site web de l entreprise|url du site|url du site web"
    "|site de l entreprise|nom de domaine",
    "company.employees": "effectif|effectifs|nombre d employés|nombre de salariés|nb employés"
    "|nb de salariés|taille de l entreprise|taille de la société|salariés|employés|taille entreprise",
    "company.industry": "secteur|secteur d activité|industrie|domaine d activité",
    "company.country": "pays de l entreprise|pays de la société|pays de facturation",
    "message": "votre message|commentaire|commentaires|remarques|remarque|demande|votre demande|besoin"
    "|votre besoin|notes|comment pouvons nous vous aider",
    "consent.marketing": "abonnement newsletter|consentement marketing|inscription newsletter|infolettre",
    "consent.opted_out": "désabonné|désinscrit|désinscription|ne pas contacter|ne plus contacter"
    "|opposition|refus e mail|refus email|désabonnement|ne pas envoyer d e mail"
    "|désinscrit de tous les e mails|désabonné de tous les e mails|opt out e mail",
    "source.campaign": "campagne|nom de la campagne",
    "source.submitted_at": "date d envoi|date de soumission|envoyé le|soumis le",
}
_SPANISH: Final = {
    "person.email": "correo|correo electrónico|correo electronico|dirección de correo|e mail corporativo"
    "|dirección de correo electrónico|correo corporativo|correo de la empresa|tu correo|su correo"
    "|email corporativo|correo profesional",
    "person.name": "nombre completo|nombre y apellidos|nombre y apellido|tu nombre|su nombre"
    "|nombre del contacto",
    "person.first_name": "nombre|nombres|primer nombre|nombre de pila",
    "person.last_name": "apellido|apellidos|primer apellido",
    "person.title": "cargo|puesto|puesto de trabajo|título|posición|función|ocupación|tu cargo",
    "person.phone": "teléfono|número de teléfono|móvil|celular|teléfono móvil|tel|teléfono celular"
    "|teléfono de contacto|teléfono de la empresa|nº de teléfono",
    "person.linkedin_url": "perfil de linkedin|perfil de linked in|url de linkedin|url de linked in"
    "|perfil linkedin|perfil linked in",
    "person.country": "país|país región|tu país|código de país",
    "company.name": "empresa|nombre de la empresa|compañía|nombre de la compañía|organización"
    "|razón social|nombre de empresa|tu empresa|cuenta|nombre de la cuenta|empleador",
    "company.domain": "sitio web|página web|web|sitio web de la empresa|página web de la empresa"
    "|url del sitio web|dominio|web de la empresa",
    "company.employees": "número de empleados|cantidad de empleados|empleados|tamaño de la empresa"
    "|nº de empleados|tamaño de empresa|plantilla|número de trabajadores|trabajadores",
    "company.industry": "sector|industria|sector de actividad|rubro|giro",
    "company.country": "país de la empresa|país de facturación",
    "message": "mensaje|tu mensaje|su mensaje|comentario|comentarios|consulta|notas|descripción"
    "|observaciones|cómo podemos ayudarte|en qué podemos ayudarte",
    "consent.marketing": "suscripción al boletín|boletín|consentimiento de marketing"
    "|acepto recibir publicidad",
    "consent.opted_out": "no contactar|dado de baja|baja|cancelar suscripción|no enviar correos"
    "|no enviar correo|suscripción cancelada|desuscrito|no participar|exclusión de correo"
    "|no enviar e mail|canceló la suscripción a todos los correos electrónicos",
    "source.campaign": "campaña|nombre de la campaña",
    "source.submitted_at": "fecha de envío|enviado el",
}
_PORTUGUESE: Final = {
    "person.email": "correio eletrônico|correio eletrónico|endereço de e mail|endereço de email"
    "|seu e mail|e mail corporativo|e mail profissional|email profissional|endereço eletrónico"
    "|e mail da empresa",
    "person.name": "nome completo|seu nome|nome e sobrenome|nome e apelido|nome do contato|nome do contacto",
    "person.first_name": "nome|primeiro nome|nome próprio",
    "person.last_name": "sobrenome|apelido|último nome|nome de família",
    "person.title": "cargo|função|posição|título|título do cargo|seu cargo|profissão",
    "person.phone": "telefone|celular|telemóvel|número de telefone|telefone celular|número de telemóvel"
    "|whatsapp|telefone comercial|seu telefone",
    "person.linkedin_url": "perfil do linkedin|perfil do linked in|url do linkedin|url do linked in",
    "person.country": "país|país região|seu país|código do país",
    "company.name": "empresa|nome da empresa|companhia|organização|razão social|sua empresa|conta"
    "|nome da conta",
    "company.domain": "site|website da empresa|site da empresa|página web|sítio web|url do site|domínio",
    "company.employees": "número de funcionários|número de colaboradores|funcionários|colaboradores"
    "|quantidade de funcionários|tamanho da empresa|nº de funcionários|número de empregados|empregados"
    "|porte",
    "company.industry": "setor|indústria|segmento|ramo|ramo de atividade|área de atuação|sector",
    "company.country": "país da empresa|país de faturamento",
    "message": "mensagem|sua mensagem|comentário|comentários|observações|observação|notas|descrição"
    "|como podemos ajudar",
    "consent.marketing": "consentimento de marketing|inscrição na newsletter|aceito receber e mails",
    "consent.opted_out": "não contatar|não contactar|descadastrado|cancelou inscrição|não enviar e mail"
    "|não enviar email|cancelar inscrição|descadastro|inscrição cancelada|não enviar e mails"
    "|cancelou a assinatura de todos os e mails",
    "source.campaign": "campanha|nome da campanha",
    "source.submitted_at": "data de envio|enviado em",
}
_ITALIAN: Final = {
    "person.email": "indirizzo e mail|indirizzo email|posta elettronica|indirizzo di posta elettronica"
    "|e mail aziendale|email aziendale|e mail di lavoro|la tua e mail|la tua email",
    "person.name": "nome completo|nome e cognome|cognome e nome|il tuo nome|nominativo|nome del contatto",
    "person.first_name": "nome",
    "person.last_name": "cognome",
    "person.title": "qualifica|ruolo|posizione|mansione|titolo|posizione lavorativa|ruolo aziendale|funzione",
    "person.phone": "telefono|numero di telefono|cellulare|tel|recapito telefonico|telefono cellulare"
    "|numero di cellulare|telefono aziendale|telefono fisso",
    "person.linkedin_url": "profilo linkedin|profilo linked in|url linkedin|url linked in",
    "person.country": "paese|nazione|paese regione|codice paese",
    "company.name": "azienda|nome azienda|nome dell azienda|società|ragione sociale|impresa"
    "|organizzazione|la tua azienda|ente|account",
    "company.domain": "sito|sito web|sito internet|sito aziendale|sito web aziendale|url del sito web"
    "|dominio",
    "company.employees": "dipendenti|numero di dipendenti|numero dipendenti|n dipendenti"
    "|dimensione azienda|dimensioni azienda|dimensione dell azienda|dimensioni dell azienda|addetti"
    "|numero addetti|organico",
    "company.industry": "settore|settore di attività|industria|comparto",
    "company.country": "paese dell azienda|paese di fatturazione|nazione azienda",
    "message": "messaggio|il tuo messaggio|commento|commenti|note|richiesta|descrizione|osservazioni"
    "|come possiamo aiutarti",
    "consent.marketing": "consenso marketing|iscrizione alla newsletter|iscrizione newsletter",
    "consent.opted_out": "non contattare|disiscritto|disiscrizione|cancellato|non inviare e mail"
    "|annullata iscrizione|non inviare email|disiscritto da tutte le e mail",
    "source.campaign": "campagna|nome della campagna",
    "source.submitted_at": "data di invio|inviato il",
}

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def spellings(label: str) -> Iterator[str]:
    """Yield a label as `plain_label` gives it, without accents, and with umlauts written out."""
    label = unicodedata.normalize("NFKC", label).casefold()
    yield label
    yield "".join(
        letter for letter in unicodedata.normalize("NFKD", label) if not unicodedata.combining(letter)
    )
    yield label.translate(_UMLAUTS)


TRANSLATED: Final[Mapping[str, str]] = {
    spelling: field
    for labels_of in (_ITALIAN, _PORTUGUESE, _SPANISH, _FRENCH, _GERMAN, _CRM)
    for field, labels in labels_of.items()
    for label in labels.split("|")
    for spelling in spellings(label)
}
"""The field of a lead for each plain label. Of languages in which one word means two fields the last wins."""
