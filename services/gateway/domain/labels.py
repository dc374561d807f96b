"""Common labels of form fields, and the fields of a lead that they stand for. Pure."""

from __future__ import annotations

from typing import Final

from services.gateway.domain.translated_labels import TRANSLATED

_SYNONYMS: Final = {
    "event_id": "event id|submission id|entry id|response id",
    "person.email": "email|e mail|mail|email address|e mail address|your email|your e mail|work email"
    "|business email|company email|corporate email|work e mail|person email|contact email|email work",
    "person.name": "name|full name|your name|contact name|person name",
    "person.first_name": "first name|firstname|given name|forename|fname|person first name",
    "person.last_name": "last name|lastname|surname|family name|lname|person last name",
    "person.title": "title|job title|jobtitle|role|position|job role|your role|person title",
    "person.phone": "phone|phone number|telephone|tel|mobile|mobile phone|mobile number|work phone|your phone"
    "|person phone",
    # `plain_label` makes two words of `LinkedIn`.
    "person.linkedin_url": "linkedin|linkedin url|linkedin profile|linkedin profile url|person linkedin url"
    "|linked in|linked in url|linked in profile|linked in profile url|your linked in profile",
    "person.country": "country|person country|country region|country code",
    "company.name": "company|company name|organisation|organization|organisation name|organization name"
    "|business name|employer|account name",
    "company.domain": "website|web site|company website|url|company url|website url|domain|company domain"
    "|homepage",
    "company.employees": "company size|employees|number of employees|no of employees|employee count|team size"
    "|headcount|size|company employees|companysize|how many employees",
    "company.industry": "industry|sector|company industry",
    "company.country": "company country",
    "company.revenue_usd": "company revenue usd|revenue usd|annual revenue usd",
    "company.technologies": "company technologies|technologies|tech stack|technology stack",
    "message": "message|your message|comments|comment|how can we help|how can we help you|notes|description"
    "|details|enquiry|inquiry|question|what can we help you with|tell us more",
    "consent.marketing": "marketing consent|newsletter|subscribe|marketing|consent marketing|opt in"
    "|marketing opt in|email consent",
    "consent.opted_out": "consent opted out|opted out|opt out|email opt out|unsubscribe|unsubscribed"
    "|do not contact",
    "consent.at": "consent at",
    "consent.text": "consent text",
    "source.form_id": "form id|source form id",
    "source.campaign": "campaign|source campaign",
    "source.page_url": "page url|page|source page url|landing page|page uri",
    "source.referrer": "referrer|referer|source referrer",
    "source.name": "source name",
    "source.channel": "source channel",
    "source.submitted_at": "submitted at|source submitted at|submission date",
}
FIELD_OF: Final = {
    **TRANSLATED,
    **{label: field for field, labels in _SYNONYMS.items() for label in labels.split("|")},
}
"""The field of a lead for each known plain label. The dotted name of a field is a label of it too."""
