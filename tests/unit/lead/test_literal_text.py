"""Text of strangers within Markdown: no renderer finds markup or a link in it, and it reads as written."""

from __future__ import annotations

import re
from html import unescape

import cmarkgfm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from shared.lead.literal_text import LOOK_ALIKES, code_text, literal_line, literal_text, written_text


@pytest.mark.parametrize(
    "text",
    [
        "Plain text, as most is (really).",
        "two days a month; R&D costs $60k, i.e. 5% of “much”!",
        "first_name and utm_source stay",
        "3 p.m., Kestrel Inc. [sic] #1 at 10:30, yes/no",
        "Ärger mit Übergaben? ¡Sí! 日本語",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert literal_text(text) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("two\nlines\tand  blanks", "two lines and blanks"),
        ("*bold* _it_ `code` ~s~ \\ <b>", "{*}bold{*} {_}it{_} {`}code{`} {~}s{~} {\\} {<}b{>}"),
        ("[link](x) &amp;", "[link]|(x) &|amp;"),
        ("see https://evil.com/x", "see https:|/|/evil|.|com/x"),
        ("(WWW.evil.example)", "(WWW|.|evil.example)"),
        ("www. www.…", "www|.| www|.|…"),
        ("mailto:ana@kestrel.example", "mailto:|ana@|kestrel.example"),
        ("@channel <!here> :tada:", "@|channel {<}!here{>} :|tada:"),
        ("\x1b[2J\u202eplease", "[2Jplease"),
    ],
)
def test_what_is_markup_looks_alike_or_is_broken(text, literal):
    for char, alike in LOOK_ALIKES.items():
        literal = literal.replace(f"{{{char}}}", alike)
    assert literal_text(text).replace("\u200b", "|") == literal


def test_text_is_cut():
    assert literal_text("a" * 301) == "a" * 299 + "…"
    assert literal_text("a" * 11, 10) == "a" * 9 + "…"


def test_a_text_that_begins_a_line_begins_no_block():
    assert literal_line("ordinary") == "ordinary"
    for text in ("# h", "- l", "+ l", "1. l", "1) l", "=== ", "---", "[a]: b"):
        html = cmarkgfm.github_flavored_markdown_to_html(f"a\n{literal_line(text)}\n\n- {literal_line(text)}")
        assert re.findall(r"<\w+", html) == ["<p", "<ul", "<li"], html


def test_code_is_as_written_and_has_one_line():
    assert code_text("ana_b@kestrel.com") == "`ana_b@kestrel.com`"
    assert code_text("a`b\n*c*") == f"`a{LOOK_ALIKES['`']}b *c*`"
    assert code_text("  ") == ""


MARKUP = [
    "www.evil.example", "mailto:x@evil.example", "x@evil.example", "evil.com/x", "https://evil.com", "//evil.com",
    "[a](b)", "![a](b)", "[a]: b", "**", "__", "~~", "`", "\\", "*", "(", ")", "_", "<", ">", "<b>", "<!-- ", " ",
    ":", "@", "a", "xmpp:", "ftp://", "&lt;", "&#42;", "[^1]", "| a | b |", "$x$", "\n", "# ", "- ", "1. ", "```",
]  # fmt: skip
_linkify = MarkdownIt("gfm-like")


@given(st.lists(st.sampled_from(MARKUP), min_size=1, max_size=8).map("".join) | st.text(max_size=60))
def test_no_renderer_finds_markup_in_what_a_stranger_wrote(text):
    """GitHub's renderer, and one that links bare hosts; what is read is what was written."""
    line = literal_text(text)
    assert "\n" not in line
    for html in (cmarkgfm.github_flavored_markdown_to_html(f"x {line} x"), _linkify.render(f"x {line} x")):
        assert re.findall(r"</?\w+", html) == ["<p", "</p"], html
        shown = unescape(re.sub(r"</?p>", "", html)).strip()
        assert shown.split() == f"x {line} x".split()


@given(st.text(alphabet=st.sampled_from("ab1 .-+=#*_`[]<>|~&\\:/@"), max_size=200))
def test_what_was_written_can_be_searched(text):
    assert written_text(literal_text(text)) == " ".join(text.split())
