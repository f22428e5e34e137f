"""The judge itself: every promise it checks, broken once."""

import json

import pytest

from chaos.gauntlet.case import Case
from chaos.gauntlet.config import CASES as CONFIGS
from chaos.gauntlet.model import CASES as MODELS
from chaos.gauntlet.output import CASES as OUTPUTS
from chaos.gauntlet.runner import Ended, check_speed, judge_start
from chaos.gauntlet.runs import CASES as RUNS
from chaos.gauntlet.text import CASES as TEXTS
from chaos.gauntlet.vectors import CASES as VECTORS
from latentscape.faults import FAULTS

MINE = [*CONFIGS, *MODELS, *TEXTS, *VECTORS, *RUNS, *OUTPUTS]
REFUSED = Case(name="x", group="model", write=lambda _: [], code=4, fault="weights-misfit", told=("c.pt",))
ERR = "error[weights-misfit]: c.pt\n\nhint: another one\n"


def test_names_are_unique_and_ids_exist():
    names = [case.name for case in MINE]
    assert len(set(names)) == len(names) >= 150
    assert not {case.fault for case in MINE if case.code} - FAULTS.keys()
    assert not [case.name for case in MINE if not case.code and case.fault]


def test_the_designed_inputs_are_all_tried():
    wanted = {
        f"{group} {n}" for group, most in (("config", 9), ("model", 19), ("text", 12)) for n in range(1, most + 1)
    }
    assert {case.listed for case in MINE if case.listed} == wanted


def end(**changes):
    return Ended(**{"code": 4, "out": "", "err": ERR, "seconds": 0.1, **changes})


def test_a_refusal_as_promised_is_right(bare_place):
    assert judge_start(REFUSED, bare_place, lambda *_: end())[0] == ""


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"code": 9}, "exit code 9, not 4"),
        ({"err": ERR.replace("misfit", "lost")}, "not error[weights-misfit]"),
        ({"err": ERR.replace("hint", "hnt")}, "no hint"),
        ({"err": ERR.replace("c.pt", "d.pt")}, "does not tell `c.pt`"),
        ({"err": ERR + "Traceback (most recent call last)"}, "a traceback"),
        ({"err": ERR + "\x1b[31m"}, "a control letter"),
        ({"out": "scores"}, "something on stdout"),
    ],
)
def test_a_broken_promise_is_told(bare_place, changes, wrong):
    assert wrong in judge_start(REFUSED, bare_place, lambda *_: end(**changes))[0]


@pytest.mark.parametrize("name", ["canary", "run2/x", "../none/x"])
def test_a_file_outside_the_run_folder_is_told(bare_place, name):
    bare_place.speech_folder.parent.mkdir(parents=True)

    def start(words, folder):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        return end()

    assert "is new" in judge_start(REFUSED, bare_place, start)[0]


def test_a_changed_input_is_told(bare_place):
    def write(place):
        (place.folder / "data").write_text("x")
        return []

    def start(words, folder):
        (folder / "data").write_text("xy")
        return end()

    case = Case(name="x", group="model", write=write, code=4, fault="weights-misfit")
    assert "data is changed" in judge_start(case, bare_place, start)[0]


def test_a_manifest_of_a_refused_study_is_told(bare_place):
    def start(words, folder):
        (folder / "run").mkdir()
        (folder / "run" / "manifest.json").write_text(json.dumps({"format": "latentscape run"}))
        return end()

    assert "as if the study were finished" in judge_start(REFUSED, bare_place, start)[0]


def test_a_study_that_should_finish_needs_its_manifest(bare_place):
    case = Case(name="x", group="text", write=lambda _: [], code=0)
    assert "no manifest" in judge_start(case, bare_place, lambda *_: end(code=0))[0]


def test_a_slow_or_heavy_verdict_on_a_config_is_told():
    assert not list(check_speed(REFUSED, end()))
    assert len(list(check_speed(REFUSED, end(seconds=3.0, heavy=True)))) == 2
