from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from latentscape.comparison_findings import Checkpoint
from latentscape.errors import DataError, UsageError
from latentscape.findings import ModelCard
from latentscape.snapshots import ClassifierSnapshot, RetrieverSnapshot, match_snapshots, read_snapshot
from latentscape.snapshots.checkpoint_names import name_checkpoints
from latentscape.snapshots.left_out import join_names

from .run_folders import make_features, write_classifier_run, write_retriever_run

CLASSES = ("Neutral", "Happy", "Sad")


def checkpoint(name, *, folder="", sha256=""):
    card = ModelCard(name="a model", checkpoint=f"{name}.pt", sha256=sha256 or name, n_parameters=1,
                     n_tensors_matched=1, n_tensors_total=1)  # fmt: skip
    return Checkpoint(name=name, folder=folder or f"runs/{name}", model=card)


def classifier(name, ids="abcdef", *, labels=None, classes=CLASSES, datasets=None, speakers=None, layers=None, seed=0):
    n = len(ids)
    logits = make_features(n, len(classes), seed=seed)
    names = ("ravdess", "crema-d")
    return ClassifierSnapshot(
        checkpoint=checkpoint(name), ids=tuple(ids),
        labels=np.array([ord(each) % 3 for each in ids] if labels is None else labels, dtype=np.int64),
        class_names=classes,
        dataset_ids=np.array([ord(each) % 2 for each in ids] if datasets is None else datasets, dtype=np.int64),
        dataset_names=names, speakers=tuple(speakers or (f"s{ord(each) // 2}" for each in ids)),
        probabilities=softmax(logits.astype(np.float64), axis=1),
        layers={**(layers or {"mlp": make_features(n, 4, seed=seed + 1)}), "logits": logits},
    )  # fmt: skip


def retriever(name, queries="abc", documents="vwxyz", *, right=None, hard=None, layers=None, seed=0, groups=None):
    """Judgments are given as texts."""
    number = {text: at for at, text in enumerate(documents)}
    right, hard = right or {"a": "v", "b": "wx", "c": "y"}, hard or {"a": "w", "c": "xz"}
    n = len(queries) + len(documents)
    numbers = [tuple(tuple(sorted(number[each] for each in said.get(query, ()))) for query in queries)
               for said in (right, hard)]  # fmt: skip
    return RetrieverSnapshot(
        checkpoint=checkpoint(name), queries=tuple(queries), documents=tuple(documents), relevant=numbers[0],
        hard=numbers[1], ignored=((),) * len(queries),
        hard_types=tuple(
            tuple((f"{query}{documents[one]}",) for one in own) for query, own in zip(queries, numbers[1], strict=True)
        ),
        groups=groups or {}, layers=layers or {"embedding": make_features(n, 4, seed=seed)},
    )  # fmt: skip


def test_the_same_samples_are_all_kept_and_nothing_is_copied():
    first, second = classifier("one"), classifier("two", seed=5)
    found = match_snapshots([first, second])
    assert (found.accounting.n_in, found.accounting.n_ok, found.accounting.skipped) == (6, 6, ())
    assert found.subject.ids == found.subject.texts == tuple("abcdef")
    assert found.features["mlp"][1] is second.layers["mlp"]
    assert (list(found.features), found.main_layer, found.notes) == (["mlp", "logits"], "mlp", ())
    assert found.own_names == {"mlp": ("mlp", "mlp"), "logits": ("logits", "logits")}
    assert found.same_models == () and found.judgments is None


@pytest.mark.parametrize("seed", range(15))
def test_rows_of_all_runs_are_the_same_sample_whatever_the_order(seed):
    rng = np.random.default_rng(seed)
    pool = [chr(code) for code in range(97, 123)]
    runs = []
    for run in range(3):
        ids = list(rng.permutation(pool)[: rng.integers(16, 27)])
        order = rng.permutation(3)
        turned = tuple(CLASSES[at] for at in order)
        labels = [turned.index(CLASSES[ord(each) % 3]) for each in ids]
        told = np.array([[1000.0 * run + ord(each), 0] for each in ids], dtype=np.float32)
        one = classifier(f"run {run}", ids, labels=labels, classes=turned, layers={"mlp": told})
        logits = np.array([[ord(each) + 0.1 * CLASSES.index(name) for name in turned] for each in ids])
        runs.append(replace(one, probabilities=logits, layers={**one.layers, "logits": logits.astype(np.float32)}))
    found = match_snapshots(runs)
    common = set(pool).intersection(*(run.ids for run in runs))
    assert found.subject.ids == tuple(each for each in runs[0].ids if each in common)
    codes = np.array([ord(each) for each in found.subject.ids])
    names = [runs[0].class_names[label] for label in found.subject.kinds]
    assert names == [CLASSES[code % 3] for code in codes] == list(found.subject.groups["class"])
    columns = codes[:, None] + 0.1 * np.array([CLASSES.index(name) for name in runs[0].class_names])
    for run in range(3):
        np.testing.assert_array_equal(found.features["mlp"][run][:, 0], 1000 * run + codes)
        np.testing.assert_allclose(found.probabilities[run], columns)
        np.testing.assert_allclose(found.features["logits"][run], columns, rtol=1e-6)
    union = set().union(*(run.ids for run in runs))
    assert (found.accounting.n_in, found.accounting.n_ok) == (len(union), len(common))


def test_what_is_left_out_is_accounted_for():
    runs = [classifier("one", "abcdef"), classifier("two", "fedcbg"), classifier("three", "bcdefgh")]
    runs[1] = replace(runs[1], labels=np.array([0, 2, 1, 0, 2, 1]))
    runs[2] = replace(runs[2], dataset_ids=np.where(np.array(runs[2].ids) == "d", 1, runs[2].dataset_ids))
    assert runs[0].labels.tolist() == [1, 2, 0, 1, 2, 0]
    found = match_snapshots(runs)
    assert {(skip.id, skip.reason, skip.count) for skip in found.accounting.skipped} == {
        ("a", "only in one", 1), ("g", "not in one", 1), ("h", "only in three", 1), ("d", "data sets differ", 1),
    }  # fmt: skip
    assert (found.accounting.n_in, found.subject.ids) == (8, ("b", "c", "e", "f"))
    assert "every run" in found.notes[0]
    found = match_snapshots(
        [runs[0], replace(runs[0], checkpoint=checkpoint("x"), labels=np.array([1, 0, 1, -1, 2, 0]))]
    )
    (skip,) = found.accounting.skipped
    assert (skip.id, skip.reason, skip.count) == ("b and 2 more", "labels differ", 3)


def test_unknown_labels_that_agree_stay():
    runs = [classifier(name, labels=[-1, 0, 1, 2, -1, 0]) for name in ("one", "two")]
    found = match_snapshots(runs)
    assert found.subject.kinds.tolist() == [-1, 0, 1, 2, -1, 0]
    assert found.subject.groups["class"] == ("", "Neutral", "Happy", "Sad", "", "Neutral")
    runs = [classifier(name, labels=[-1] * 6, datasets=[0] * 6) for name in ("one", "two")]
    assert match_snapshots(runs).subject.groups == {}


def test_speakers_are_drawn_together_and_unknown_ones_alone():
    runs = [classifier(name, speakers=["x", "", "x", "y", "", "x"]) for name in ("one", "two")]
    subject = match_snapshots(runs).subject
    assert (subject.clusters.tolist(), subject.cluster_name) == ([0, 1, 0, 2, 3, 0], "speakers")
    runs = [classifier(name, speakers=["", "a", "b", "c", "d", ""]) for name in ("one", "two")]
    subject = match_snapshots(runs).subject
    assert (len(set(subject.clusters.tolist())), subject.cluster_name) == (6, "samples")


def test_data_sets_are_markers_and_a_group_where_there_are_several():
    subject = match_snapshots([classifier("one"), classifier("two")]).subject
    assert (subject.shape_names, subject.shapes.tolist()) == (("ravdess", "crema-d"), [1, 0, 1, 0, 1, 0])
    assert subject.groups["dataset"] == ("crema-d", "ravdess") * 3
    subject = match_snapshots([classifier("one", "ac"), classifier("two", "ca")]).subject
    assert (subject.shape_names, subject.shapes.tolist(), set(subject.groups)) == (("crema-d",), [0, 0], {"class"})
    unknown = [classifier(name, datasets=[-1, 0, 0, 0, -1, 0]) for name in ("one", "two")]
    subject = match_snapshots(unknown).subject
    assert (subject.shape_names, subject.shapes.tolist()) == (("ravdess", ""), [1, 0, 0, 0, 1, 0])


def test_one_shared_sample_is_enough_and_none_is_too_few():
    assert match_snapshots([classifier("one", "abc"), classifier("two", "cde")]).subject.ids == ("c",)
    with pytest.raises(DataError, match="share no sample") as told:
        match_snapshots([classifier("one", "abc"), classifier("two", "def")])
    assert told.value.got == "3 only in one, 3 only in two" and told.value.hint


def test_runs_that_can_not_be_compared():
    with pytest.raises(UsageError, match="at least two"):
        match_snapshots([classifier("one")])
    with pytest.raises(UsageError, match="at least two"):
        match_snapshots([])
    with pytest.raises(UsageError, match="a classifier and a retriever"):
        match_snapshots([classifier("one"), retriever("two")])
    with pytest.raises(DataError, match="the same classes"):
        match_snapshots([classifier("one"), classifier("two", classes=("Neutral", "Happy", "Angry"))])


def test_layers_that_all_models_have_are_followed_in_the_order_of_the_first():
    names = (("cnn", "encoder", "mlp"), ("mlp", "cnn", "dense", "mlp"))
    runs = [classifier(f"run {at}", layers={name: make_features(6, 3) for name in own}) for at, own in enumerate(names)]
    found = match_snapshots([runs[0], replace(runs[1], layers={**runs[1].layers})])
    # the second model's last hidden layer is `dense`, for `mlp` is its first
    assert found.own_names == {"cnn": ("cnn",) * 2, "mlp": ("mlp",) * 2, "last hidden": ("mlp", "dense"),
                               "logits": ("logits",) * 2}  # fmt: skip
    assert list(found.own_names) == list(found.features) == ["cnn", "mlp", "last hidden", "logits"]
    assert found.main_layer == "last hidden"
    assert len(found.notes) == 2 and "`encoder`" in found.notes[1]


def test_two_different_models_are_compared_by_their_own_last_hidden_layers():
    one = classifier("one", layers={"mlp": make_features(6, 3)})
    two = classifier("two", layers={"block": make_features(6, 9), "head": make_features(6, 7)})
    found = match_snapshots([one, two])
    assert found.own_names == {"last hidden": ("mlp", "head"), "logits": ("logits", "logits")}
    assert [each.shape for each in found.features["last hidden"]] == [(6, 3), (6, 7)]
    bare = classifier("three", layers={"x": make_features(6, 2)})
    bare = replace(bare, layers={"logits": bare.layers["logits"]})
    assert match_snapshots([one, bare]).own_names["last hidden"] == ("mlp", "logits")
    assert match_snapshots([bare, replace(bare)]).main_layer == "logits"


def test_names_that_are_not_unique_come_from_the_folders():
    def name(*pairs):
        return [each.name for each in name_checkpoints([checkpoint(stem, folder=path) for stem, path in pairs])]

    assert name(("a", "r/1"), ("b", "r/2")) == ["a", "b"]
    assert name(("best", "runs/one"), ("best", "runs/two"), ("last", "x")) == ["one", "two", "last"]
    assert name(("best", "one/out"), ("best", "two/out")) == ["one/out", "two/out"]
    assert name(("best", "runs/one"), ("best", "runs/one")) == ["one", "one (2)"]
    assert name(("x", "a"), ("x", "a"), ("x (2)", "b"))[2] == "x (2)"
    assert len(set(name(*[("x", "same")] * 4, ("x", "x"), ("same", "same (2)")))) == 6


def test_the_same_weights_are_seen_by_their_checksum():
    runs = [classifier(name) for name in ("one", "two", "three", "four")]
    hashes = ("aa", "", "aa", "")
    runs = [
        replace(run, checkpoint=replace(run.checkpoint, model=replace(run.checkpoint.model, sha256=sha256)))
        for run, sha256 in zip(runs, hashes, strict=True)
    ]
    assert match_snapshots(runs).same_models == ((0, 2),)


def test_retrievers_with_the_same_pairs_are_kept_whole():
    first, second = (
        retriever("one", groups={"district": ("1", "", "2"), "price": ("", "", "")}),
        retriever("two", seed=4),
    )
    found = match_snapshots([first, second])
    subject = found.subject
    assert subject.ids == ("query 0", "query 1", "query 2", *(f"document {at}" for at in range(5)))
    assert (subject.texts, subject.n_judged) == (tuple("abcvwxyz"), 3)
    assert (subject.kinds.tolist(), subject.kind_names[3]) == ([0, 0, 0, 1, 1, 1, 1, 2], "other")
    assert (subject.clusters.tolist(), subject.cluster_name) == ([0, 1, 2], "queries")
    assert subject.groups == {"district": ("1", "", "2")}
    assert subject.shapes.tolist() == [0] * 8
    assert [each.tolist() for each in found.judgments.relevant] == [[0], [1, 2], [3]]
    assert [each.tolist() for each in found.judgments.hard] == [[1], [], [2, 4]]
    assert found.hard_types == ((("aw",),), (), (("cx",), ("cz",)))
    assert found.features["embedding"][1] is second.layers["embedding"]
    assert (found.main_layer, found.probabilities, found.notes) == ("embedding", (), ())


def test_queries_and_documents_are_the_same_where_their_texts_are():
    first = retriever("one", "abc", "vwxyz")
    order = "zyxwvu"
    second = retriever(
        "two", "dcba", order, right={"d": "u", "c": "y", "b": "xw", "a": "v"}, hard={"c": "xz", "a": "w"}
    )
    marks = np.array([[ord(each)] for each in "dcba" + order], dtype=np.float32)
    found = match_snapshots([first, replace(second, layers={"embedding": marks})])
    assert found.subject.texts == tuple("abcvwxyz")
    assert [chr(int(mark)) for mark in found.features["embedding"][1][:, 0]] == list("abcvwxyz")
    (skip,) = found.accounting.skipped
    assert (skip.id, skip.reason, found.accounting.n_in) == ("query 0 of two", "only in two", 4)
    assert "5 documents" in found.notes[1]


def test_a_query_stays_only_where_all_runs_agree_on_it():
    def skips(**changes):
        found = match_snapshots([retriever("one"), retriever("two", **changes)])
        return {(skip.id, skip.reason) for skip in found.accounting.skipped}

    assert skips(right={"a": "v", "b": "wx", "c": "z"}, hard={"a": "w", "c": "x"}) == {
        ("query 2", "right documents differ")
    }
    assert skips(hard={"a": "x", "c": "xz"}) == {("query 0", "hard negatives differ")}
    assert skips(documents="vwxzz", right={"a": "v", "b": "wx", "c": "z"}, hard={"a": "w", "c": "x"}) == {
        ("query 2", "a right document is not in all runs")
    }
    # a hard negative that not all runs have takes no part
    assert skips(documents="vwxy", hard={"a": "w", "c": "x"}) == set()


def test_hard_types_and_ignored_documents_are_those_of_the_first_run():
    first = replace(retriever("one"), ignored=((4,), (), ()))
    second = retriever("two", documents="vxyz", right={"a": "v", "b": "x", "c": "y"}, hard={"c": "xz"})
    found = match_snapshots([first, second])
    assert found.subject.texts == tuple("acvxyz")
    assert [each.tolist() for each in found.judgments.hard] == [[], [1, 3]]
    assert found.hard_types == ((), (("cx",), ("cz",)))
    assert [each.tolist() for each in found.judgments.ignored] == [[3], []]
    assert found.subject.ids == ("query 0", "query 2", "document 0", "document 2", "document 3", "document 4")


def test_texts_that_occur_twice_are_told_apart():
    first = retriever("one", "aac", "vvy", right={"a": "v", "c": "y"}, hard={"c": "v"})
    found = match_snapshots([first, replace(first, checkpoint=checkpoint("two"))])
    assert found.subject.texts == tuple("aacvvy")


def test_retrievers_are_followed_by_their_first_layers():
    def run(name, *layers):
        return retriever(name, layers={layer: make_features(8, 4, seed=at) for at, layer in enumerate(layers)})

    found = match_snapshots([run("one", "embedding", "encoder"), run("two", "embedding")])
    assert (list(found.features), found.main_layer) == (["embedding"], "embedding")
    found = match_snapshots([run("one", "pooled", "x"), run("two", "vectors", "x")])
    assert found.own_names == {"embedding": ("pooled", "vectors"), "x": ("x", "x")}
    found = match_snapshots([run("one", "encoder", "embedding"), run("two", "embedding", "encoder")])
    assert found.main_layer == "embedding (each model's)"
    assert found.own_names[found.main_layer] == ("encoder", "embedding")
    assert len(found.own_names) == 3


def test_retrievers_that_share_nothing():
    with pytest.raises(DataError, match="share no query"):
        match_snapshots([retriever("one"), retriever("two", "def", right={"d": "v"}, hard={"e": "w"})])
    with pytest.raises(DataError, match="share no query") as told:
        match_snapshots([retriever("one"), retriever("two", documents="12345", right={"a": "1"}, hard={"b": "2"})])
    assert "3 a right document is not in all runs" in told.value.got


def test_run_folders_are_read_and_matched(tmp_path):
    folders = [write_classifier_run(tmp_path / name, ids=ids) for name, ids in (("a", "uvwx"), ("b", "uvyz"))]
    found = match_snapshots([read_snapshot(folder) for folder in folders])
    assert (found.subject.ids, found.accounting.n_in) == (("u", "v"), 6)
    assert [each.name for each in found.checkpoints] == ["a", "b"]
    folders = [write_retriever_run(tmp_path / name) for name in ("c", "d")]
    found = match_snapshots([read_snapshot(folder) for folder in folders])
    assert (found.subject.n_judged, found.judgments.n_documents) == (3, 5)


def test_names_are_joined_as_in_a_sentence():
    assert [join_names(list("abcde")[:n]) for n in (1, 2, 3, 5)] == ["a", "a and b", "a, b and c", "a, b, c and 2 more"]
