"""Every page that the tool writes, with one hostile text in every place where a user's text can stand."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from latentscape.comparison_findings import ComparisonFindings
from latentscape.exploration import Answer, Category, Column, Exploration, Metric, Texts
from latentscape.explorer import show_one_map
from latentscape.figures.style import Style
from latentscape.findings import Accounting, EmbeddingsFindings, LatentsFindings, ModelCard, Skip
from latentscape.measures.scales import Check
from latentscape.pages.comparison_page import render_comparison_page
from latentscape.pages.comparison_report import describe_comparison
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.explorer_page import render_explorer
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import render_report_html
from tests.comparison_values import build_comparison
from tests.exploration_values import build_exploration
from tests.figures.pair_values import full_values
from tests.pages.conftest import make_card, make_embeddings, make_latents
from tests.pages.latents_values import measure_everything

N = 48


@dataclass
class Marks:
    """Makes the hostile texts of a page, each with the name of its place in front, and remembers them."""

    payload: str
    made: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Place -> texts of which one at least must be readable."""

    def __call__(self, place: str) -> str:
        """A text that must be readable on the page."""
        self.made[place] = (self.hide(place),)
        return self.hide(place)

    def expect(self, place: str, texts: Iterable[str]) -> None:
        """One of several texts must be readable, e.g. the name of whatever point is under the mouse."""
        self.made[place] = tuple(texts)

    def forget(self, *beginnings: str) -> None:
        """Texts that are made for a study but do not belong on this page of it."""
        self.made = {place: texts for place, texts in self.made.items() if not place.startswith(beginnings)}

    def hide(self, place: str) -> str:
        """A text that the page may leave out, e.g. the name of a sample among many."""
        return f"{place} {self.payload}"

    def many(self, place: str, n: int) -> tuple[str, ...]:
        """Different texts that must all be readable."""
        return tuple(self(f"{place}{i}") for i in range(n))


def _card(mark: Marks) -> ModelCard:
    return make_card(
        name=mark("model"),
        checkpoint=mark("checkpoint"),
        stamps=(mark("stamp"), mark.payload),
        receipt={"wrapper": mark("wrapper"), "prefix": mark("prefix"), "allowed": [mark("allowed")]},
    )


def _account(mark: Marks, n: int) -> Accounting:
    skips = {kind: (Skip(id=mark(f"{kind}id"), reason=mark(f"{kind}reason")),) for kind in ("failed", "skipped")}
    return Accounting(n_in=n + 2, n_ok=n, **skips)


def _latents(mark: Marks, n: int = N) -> LatentsFindings:
    classes = mark.many("class", 8)
    return make_latents(
        n,
        names=[mark.hide(f"id{i}") for i in range(n)],
        class_names=classes,
        layers=mark.many("layer", 3),
        model=_card(mark),
        accounting=_account(mark, n),
        dataset_names=mark.many("dataset", 2),
        speakers=tuple(mark.hide(f"speaker{i % 7}") for i in range(n)),
    )


def write_latents_report(mark: Marks) -> str:
    """With readouts, suspects, mistakes and claims."""
    findings = measure_everything(_latents(mark))
    card = replace(findings.model, trained={mark.hide("trainedname"): mark("trainedvalue"), mark.payload: mark.payload})
    suspects = tuple(replace(each, reason=mark.hide(f"reason{i}")) for i, each in enumerate(findings.suspects))
    mark("reason0")
    findings = replace(findings, model=card, suspects=suspects)
    mark.expect("mistake", [findings.ids[findings.mistakes[0]]])
    return render_report_html(describe_latents(findings, (f"{mark.payload}_interactive.html",)))


def _embeddings(mark: Marks) -> EmbeddingsFindings:
    texts = [mark.hide(f"text{i}") for i in range(N + N // 2)]
    return make_embeddings(N, texts=texts, model=_card(mark), accounting=_account(mark, N))


def write_embeddings_report(mark: Marks) -> str:
    """With types, attributes, groups, defects and the checklist."""
    findings = _embeddings(mark)
    values = full_values(findings.ranking, findings.relevant, findings.hard_negatives, documents=findings.documents)
    findings = replace(findings, **values)
    assert findings.importance is not None
    effects = tuple(replace(each, type=mark(f"type{i}")) for i, each in enumerate(findings.importance.effects))
    findings = replace(
        findings,
        importance=replace(findings.importance, effects=effects),
        groups=tuple(replace(each, attribute=mark(f"group{i}")) for i, each in enumerate(findings.groups)),
        attributes=tuple(replace(each, name=mark(f"attribute{i}")) for i, each in enumerate(findings.attributes)),
        unmeasured={mark("Unmeasured"): mark("unmeasuredreason"), mark.payload: mark.payload},
    )
    check = Check(name="margin", passed=True, value=0.4, threshold=0.2, sentence=mark("check"))
    mark.expect("worst", [findings.queries[int(np.argmax(findings.ranking.best_rank))]])
    return render_report_html(describe_embeddings(findings, (f"{mark.payload}_interactive.html",), (check,)))


def _compare(mark: Marks, study: Any) -> ComparisonFindings:
    layers = mark.many("layer", 2)
    findings = build_comparison(
        study=study, n=90, names=mark.many("checkpoint", 3), stamps=[mark("stamp"), mark.payload], layers=layers
    )
    subject, is_retriever = findings.subject, study == "embeddings"
    n = len(subject.ids)
    texts = tuple(mark.hide(f"text{i}") for i in range(n))
    subject = replace(
        subject,
        ids=subject.ids if is_retriever else texts,
        texts=texts,
        kind_names=subject.kind_names if is_retriever else mark.many("class", 6),
        shape_names=subject.shape_names if is_retriever else mark.many("dataset", 2),
        class_names=subject.class_names if is_retriever else tuple(mark.hide(f"class{i}") for i in range(6)),
        groups={mark("Group"): tuple(mark.hide(f"value{i % 3}") for i in range(subject.n_judged))},
    )
    mark.many("value", 3)
    answers = tuple(replace(one, said=texts[: subject.n_judged]) for one in findings.answers)
    changes = {(by, value): next(iter(findings.steps[0].group_changes.values()))
               for by, values in subject.groups.items() for value in dict.fromkeys(values)}  # fmt: skip
    return replace(
        findings,
        subject=subject,
        answers=answers,
        main_layer=layers[1],
        steps=tuple(replace(step, group_changes=changes) for step in findings.steps),
        accounting=_rename(findings, mark),
    )


def _rename(findings: ComparisonFindings, mark: Marks) -> Accounting:
    n = findings.accounting.n_ok
    return Accounting(n_in=n + 1, n_ok=n, skipped=(Skip(id=mark.hide("skip"), reason=mark.hide("reason")),))


def write_comparison_page(mark: Marks) -> str:
    """Of classifiers."""
    return _write_comparison(mark, "latents")


def write_retriever_comparison_page(mark: Marks) -> str:
    """Of retrievers."""
    return _write_comparison(mark, "embeddings")


def _write_comparison(mark: Marks, study: str) -> str:
    findings = _compare(mark, study)
    mark.expect("text", findings.subject.texts)
    return render_comparison_page(findings, style=Style())


def write_comparison_report(mark: Marks) -> str:
    """Of classifiers, with what was left out."""
    return _report_comparison(mark, "latents")


def write_retriever_comparison_report(mark: Marks) -> str:
    """Of retrievers."""
    return _report_comparison(mark, "embeddings")


def _report_comparison(mark: Marks, study: str) -> str:
    findings = _compare(mark, study)
    mark("skip")
    mark("reason")
    mark.forget("class", "dataset")
    return render_report_html(describe_comparison(findings, ()))


def write_explorer(mark: Marks, study: str) -> str:
    """All there is of a run."""
    return render_explorer(_spoil(mark, study), style=Style())


def write_map_page(mark: Marks) -> str:
    """One map of it."""
    exploration = _spoil(mark, "latents")
    mark.forget("layer1", "layer2", "question", "headline")
    return render_explorer(show_one_map(exploration, exploration.frames[0]), style=Style())


def _spoil(mark: Marks, study: str) -> Exploration:
    """Every name, value, text and number's name is hostile, and so are the columns' keys."""
    plain = build_exploration(study, n=N)
    layers = {layer: mark(f"layer{i}") for i, layer in enumerate(dict.fromkeys(each.layer for each in plain.frames))}
    columns = tuple(_spoil_column(column, mark) for column in plain.columns)
    ranked = plain.ranked
    if ranked is not None:
        types = tuple(mark.hide(f"hardtype{i % 3}") for i in range(len(ranked.hard_types)))
        ranked = replace(ranked, hard_types=types)
        mark.expect("hardtype", types)
    ids = tuple(mark.hide(f"id{i}") for i in range(N))
    mark.expect("id", ids)
    exploration = replace(
        plain,
        title=mark("title"),
        headline=mark("headline"),
        ids=ids,
        columns=(*columns, *_spoil_more(mark)),
        frames=tuple(
            replace(each, layer=layers[each.layer], score=mark.hide("score"), warning=mark.hide("warning"))
            for each in plain.frames
        ),
        answers=_spoil_answers(plain, mark),
        color=mark.hide(plain.color),
        shape=mark.hide(plain.shape) if plain.shape else "",
        neighbors=tuple(replace(each, layer=layers[each.layer]) for each in plain.neighbors),
        ranked=ranked,
        profile=tuple(
            replace(each, layer=layers[each.layer], question=mark(f"question{each.question}")) for each in plain.profile
        ),
        metrics=(Metric(name=mark("metric"), value=mark("metricvalue"), detail=mark("metricdetail")),),
        facts={mark("fact"): mark("factvalue"), mark.payload: mark.payload},
        stamps=(mark("stamp"), mark.payload),
        captions=(mark("caption"), mark.payload),
        foot=(mark("foot"),),
    )
    mark("score")
    mark("warning")
    return exploration


def _spoil_column(column: Column, mark: Marks) -> Column:
    renamed = replace(column, key=mark.hide(column.key), title=mark(f"column{column.key}"))
    if isinstance(renamed, Texts):
        texts = tuple(mark.hide(f"text{i}") for i in range(N))
        mark.expect("text", texts)
        return replace(renamed, values=texts)
    if isinstance(renamed, Category) and renamed.values != ("wrong", "right"):
        # The classes have the same names wherever they occur.
        kind = "class" if "Sad" in renamed.values else column.key
        there = set(renamed.codes.tolist())
        names = enumerate(f"{kind}value{i}" for i in range(len(renamed.values)))
        return replace(renamed, values=tuple((mark if i in there else mark.hide)(name) for i, name in names))
    return renamed


def _spoil_more(mark: Marks) -> tuple[Column, ...]:
    """A column and a value of it that are the bare text: it may be a name that JavaScript itself knows."""
    codes = np.arange(N) % 3 - 1
    return (Category(key=mark.payload, title=mark.payload, codes=codes, values=(mark.payload, mark("lastvalue"))),)


def _spoil_answers(plain: Exploration, mark: Marks) -> tuple[Answer, ...]:
    """The checkpoints' names, and the columns that an answer names under their new keys."""
    keys = ("truth", "said", "correct", "worst")
    return tuple(
        Answer(
            checkpoint=mark(f"checkpoint{i}") if each.checkpoint else "",
            **{key: mark.hide(name) for key in keys if (name := getattr(each, key))},
        )
        for i, each in enumerate(plain.answers)
    )


STUDIES = ("explorer of latents", "explorer of embeddings", "explorer of a map", "explorer of a comparison")
ONE_MAP = "explorer of one map"
EXPLORERS = (*STUDIES, ONE_MAP)
PAGES: Mapping[str, Callable[[Marks], str]] = MappingProxyType(
    {
        "latents report": write_latents_report,
        "embeddings report": write_embeddings_report,
        "comparison page": write_comparison_page,
        "comparison page of retrievers": write_retriever_comparison_page,
        "comparison report": write_comparison_report,
        "comparison report of retrievers": write_retriever_comparison_report,
        **{name: partial(write_explorer, study=name.split()[-1]) for name in STUDIES},
        ONE_MAP: write_map_page,
    }
)
