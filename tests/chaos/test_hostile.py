"""A few hostile inputs of each kind through the real doors; `make chaos` tries them all."""

import pytest

from chaos.hostile import run, try_working_directory
from chaos.hostile_cases import list_cases
from chaos.watcher import Watcher


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    cases = list_cases()
    assert len(cases) >= 400
    assert len({case.name for case in cases}) == len(cases)
    assert {case.kind for case in cases} == {"file", "text", "chain", "speech", "features", "pairs", "config"}


@pytest.mark.parametrize(
    ("event", "arguments", "is_wrong"),
    [
        ("compile", (b"x = 1", "FOLDER/evil.py"), True),
        ("compile", (b"x = 1", "<string>"), False),
        ("exec", (compile("1", "FOLDER/evil.py", "exec"),), True),
        ("open", ("FOLDER/evil.py", "r", 0), True),
        ("open", ("FOLDER/config.json", "r", 0), False),
        ("import", ("evil", "FOLDER/evil.so", None, None, None), True),
        ("import", ("json", None, None, None, None), False),
        ("os.system", (b"touch x",), True),
        ("subprocess.Popen", ("touch", ["touch"], None, None), True),
        ("socket.connect", (None, ("127.0.0.1", 1)), True),
        ("pickle.find_class", ("os", "system"), True),
        ("pickle.find_class", ("collections", "OrderedDict"), False),
    ],
)
def test_the_watcher_sees_what_runs_and_nothing_else(tmp_path, event, arguments, is_wrong):
    def place(part):
        if hasattr(part, "co_filename"):
            return part.replace(co_filename=str(tmp_path / "evil.py"))
        return part.replace("FOLDER", str(tmp_path)) if isinstance(part, str) else part

    watcher = Watcher()
    watcher(event, arguments)
    watcher.watch(tmp_path)
    watcher(event, tuple(place(part) for part in arguments))
    assert bool(watcher.stop()) == is_wrong


@pytest.mark.slow
@pytest.mark.chaos
def test_nothing_runs_and_each_refusal_has_its_id(tmp_path):
    outcomes = run(tmp_path, scale=1 / 25)
    assert [outcome.wrong for outcome in outcomes[:3]] == [[], [], []]
    assert sum(outcome.tried for outcome in outcomes) >= 15


@pytest.mark.slow
def test_the_command_imports_nothing_from_the_folder_it_is_run_in(tmp_path):
    assert not try_working_directory(tmp_path, seconds=15).wrong
