"""Estimators that stand in for scikit-learn's t-SNE and umap-learn's UMAP."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.manifold import TSNE as LIBRARY_TSNE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import latentscape
from latentscape import TSNE, UMAP
from latentscape.errors import UsageError

ESTIMATORS = [TSNE, UMAP]
REFUSED = {
    # a map of one axis, which these checks ask for
    "check_dont_overwrite_parameters",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_fit2d_predict1d",
    # refused as they want it, in other words than theirs
    "check_complex_data",
    "check_estimators_empty_data_messages",
    # options of any type at all, which the tests' own type checks refuse
    "check_do_not_raise_errors_in_init_or_set_params",
    # columns of Python objects, even if these are numbers
    "check_dtype_object",
}


def make_blobs(n=120, *, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return random.normal(size=(3, 6))[labels] * 6 + random.normal(size=(n, 6)), labels


@pytest.fixture(scope="module", params=ESTIMATORS, ids=lambda kind: kind.__name__)
def fitted(request):
    features, labels = make_blobs()
    estimator = request.param(random_state=3)
    return estimator, estimator.fit_transform(features), features, labels


def test_it_draws_the_map_that_the_functions_draw(fitted):
    estimator, places, features, _ = fitted
    options = latentscape.MapOptions(start="spectral") if isinstance(estimator, UMAP) else latentscape.MapOptions()
    k = latentscape.neighbors_needed(len(features), options)
    graph = latentscape.find_neighbors(features, k=k, metric="euclidean")
    drawn = latentscape.make_map(features, graph, method=estimator.map_method, seed=3, options=options)
    assert places.tobytes() == drawn.xy.astype(np.float32).tobytes()
    assert estimator.trust_.recall.value > 0.4
    assert estimator.n_features_in_ == 6


def test_a_new_sample_lies_among_its_class_and_a_known_one_at_its_place(fitted):
    estimator, places, features, labels = fitted
    assert estimator.transform(features[:5]).tobytes() == places[:5].tobytes()
    new, classes = make_blobs(30, seed=0)
    centers = np.stack([places[labels == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(estimator.transform(new + 0.01)[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearest == classes).all()


def test_defaults_and_names_are_the_libraries():
    theirs = dict(inspect.signature(LIBRARY_TSNE).parameters)
    ours = dict(inspect.signature(TSNE).parameters)
    assert list(ours)[: len(theirs)] == list(theirs)
    assert {name: ours[name].default for name in theirs} == {name: each.default for name, each in theirs.items()}


def test_umap_has_the_signature_of_umap_learn():
    library = pytest.importorskip("umap", reason="umap-learn is not installed")
    theirs, ours = inspect.signature(library.UMAP).parameters, inspect.signature(UMAP).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert {name: ours[name].default for name in theirs} == {name: each.default for name, each in theirs.items()}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_it_is_cloned_pickled_and_used_in_a_pipeline(kind):
    features, labels = make_blobs(60)
    estimator = clone(kind(metric="cosine", random_state=1))
    assert repr(estimator) == f"{kind.__name__}(metric='cosine', random_state=1)"
    made = make_pipeline(StandardScaler(), estimator).fit(features, labels)
    again = pickle.loads(pickle.dumps(made))
    assert again.transform(features[:4]).tobytes() == made[-1].embedding_[:4].tobytes()
    assert repr(made[-1]).endswith(f"# {made[-1].trust_.level}")


def test_frames_keep_their_names_and_index():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    features, _ = make_blobs(40)
    frame = pd.DataFrame(features, columns=list("abcdef"), index=range(100, 140))
    estimator = UMAP(n_neighbors=5).set_output(transform="pandas")
    made = estimator.fit_transform(frame)
    assert list(made.columns) == ["umap0", "umap1"]
    assert list(made.index) == list(frame.index)
    assert list(estimator.feature_names_in_) == list("abcdef")
    estimator.fit(features)
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (TSNE(n_components=3), "n_components"),
        (TSNE(metric="precomputed"), "metric"),
        (TSNE(init=np.zeros((40, 2))), "init"),
        (TSNE(perplexity=0.1), "perplexity"),
        (TSNE(random_state="a"), "random_state"),
        (UMAP(densmap=True), "densmap"),
        (UMAP(spread=2.0), "spread"),
        (UMAP(min_dist=3), "min_dist"),
    ],
)
def test_what_it_cannot_honor_it_refuses(estimator, named):
    with pytest.raises(ValueError, match=named) as refused:
        estimator.fit(make_blobs(40)[0])
    assert isinstance(refused.value, UsageError)


def test_bad_data_is_a_value_error():
    features, _ = make_blobs(40)
    with pytest.raises(ValueError, match="NaN or infinity"):
        TSNE().fit(np.where(features > 3, np.nan, features))
    with pytest.raises(ValueError, match="a path is no data"):
        TSNE().fit("features.npy")
    with pytest.raises(AttributeError, match="not fitted"):
        UMAP().transform(features)
    with pytest.raises(ValueError, match="X has 5 features"):
        UMAP(n_neighbors=5).fit(features).transform(features[:, :5])
    with pytest.raises(ValueError, match="did you mean `perplexity`"):
        TSNE().set_params(perplexty=3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_scikit_learns_own_checks_pass(kind):
    from sklearn.utils.estimator_checks import check_estimator

    ended = check_estimator(kind(), on_fail=None)
    failed = {each["check_name"]: each["exception"] for each in ended if each["status"] == "failed"}
    assert set(failed) <= REFUSED, {name: failed[name] for name in set(failed) - REFUSED}
    assert len(ended) > 40
