"""The console: the pages for sellers, managers, RevOps and platform teams, rendered on the server.

session.py       who is signed in: the cookie, and its check against the API keys
cookies.py       the cookie on a response
route.py         `ConsoleRoute`: session, CSRF, security headers and error pages of every route
forms.py         the fields of a posted form
rendering.py     Jinja2: a template and its one frozen view become a page
static_files.py  styles, scripts, fonts and icons, served with their version in the path
navigation.py    the sidebar: which pages a key may open
live.py          what open pages are sent; assets/js/live.js says how a part of a page listens
words.py         numbers, times and field names for people
pages/           the routes of one page or group of pages, thin: query functions, a view, a template
views/           what the template of a page gets: frozen structs, made from rows by pure functions
templates/       Jinja2; `layout.html` is the frame, `parts/` what several pages share
assets/          css/ is joined in the order of the names into one stylesheet

A page reads by the functions of `services.gateway.queries` that the API uses, so that both tell the same.
"""
