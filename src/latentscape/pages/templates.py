"""Our page templates, and the policy that keeps a page from loading or running anything that is not in it."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

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


def policy(scripts: Iterable[str] = (), *, generates_code: bool = False) -> str:
    """The Content-Security-Policy of a page: no network, and no script but these, each by the hash of its text.

    `generates_code` lets those scripts compile functions at run time: plotly's WebGL traces do (regl writes its draw
    calls as code). Inline styles stay allowed because plotly.js sets them on what it draws; they can't fetch anything
    either. Pictures may come from beside the page (`file:` where it is opened from a disk) or from the page itself.
    """
    allowed = " ".join([*map(_hash, scripts), *(["'unsafe-eval'"] if generates_code else [])]) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src 'self' file: data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
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
    environment.globals["asset"] = read_asset
    environment.globals["verdict"] = lambda passed: {True: "PASS", False: "FAIL", None: "n/a"}[passed]
    return environment
