"""Our page templates, and the policy that keeps a page from loading or running anything that is not in it."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_eval_context, select_autoescape
from jinja2.nodes import EvalContext
from markupsafe import Markup

from latentscape.pages.escape import clean_text, escape_markdown, quote_link


def read_asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return files("latentscape.pages").joinpath("assets", name).read_text(encoding="utf-8")


def render(template: str, **values: object) -> str:
    """Fill a template of `assets/`; everything filled into an HTML one is escaped unless it says otherwise."""
    return _environment().get_template(template).render(**values)


def style_of(*names: str) -> str:
    """The text of a page's style element, exactly: its policy names the hash of it."""
    return "\n".join(map(read_asset, names))


def policy(
    scripts: Iterable[str] = (),
    *,
    styles: Iterable[str] = (),
    pictures: Literal["none", "beside", "inside", "both"] = "none",
    plays: bool = False,
    asks_server: bool = False,
) -> str:
    """The Content-Security-Policy of a page: no network, and no script and no style but these, by their hashes.

    No text is ever made into markup or code by a script either (trusted types, where the browser knows them).
    `pictures` may come from `beside` the page (`file:` where it is opened from a disk), from `inside` it, or from
    `both`, made on it too. A page that `plays` takes sounds from where an explorer has its pictures: from beside it
    and from itself. One that `asks_server` may ask whoever served it, and nobody else.
    """
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    looks = " ".join(map(_hash, styles)) or "'none'"
    shown = {"none": "'none'", "beside": "'self' file:", "inside": "data:", "both": "'self' file: data: blob:"}
    asked = "'self'" if asks_server else "'none'"
    played = f"media-src {shown['both']}; " if plays else ""
    return (
        f"default-src 'none'; script-src {allowed}; style-src {looks}; img-src {shown[pictures]}; {played}"
        f"connect-src {asked}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


@pass_eval_context
def _finalize(context: EvalContext, value: object) -> object:
    """Strip what can't be seen from text before an HTML page escapes it; the Markdown filter strips for itself."""
    return (
        clean_text(value) if context.autoescape and isinstance(value, str) and not isinstance(value, Markup) else value
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("latentscape.pages", "assets"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), disabled_extensions=("md.j2",)),
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["link"] = quote_link
    environment.globals["verdict"] = lambda passed: {True: "PASS", False: "FAIL", None: "n/a"}[passed]
    return environment
