"""Files of vectors: linked as pair files are, every broken one refused with its name and a next step."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pair_samples import HardNegative
from latentscape.datasets.vectors import read_vectors
from latentscape.errors import DataError, ResourceError, SafetyError

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(3, 4)).astype(np.float32)
DOCUMENTS = RNG.normal(size=(5, 4)).astype(np.float32)


@pytest.fixture
def read(tmp_path):
    """Write arrays as .npz and read them as pairs."""

    def read_written(**arrays):
        np.savez(tmp_path / "v.npz", **{"queries": QUERIES, "documents": DOCUMENTS} | arrays)
        return read_vectors(tmp_path / "v.npz")

    return read_written


# -- what is read ---------------------------------------------------------------------------------------------------


def test_the_ith_document_is_right_for_the_ith_query(read):
    found = read(documents=DOCUMENTS[:3])
    assert found.pairs.queries == ("query 1", "query 2", "query 3")
    assert found.pairs.documents == ("document 1", "document 2", "document 3")
    assert found.pairs.relevant == ((0,), (1,), (2,))
    assert (found.pairs.n_rows, found.pairs.skipped, found.pairs.defects) == (3, (), ())
    assert found.pairs.rows == found.pairs.queries
    assert (found.has_texts, found.lost_documents) == (False, ())
    assert np.array_equal(found.query_vectors, QUERIES)
    assert np.array_equal(found.document_vectors, DOCUMENTS[:3])
    assert found.query_vectors.dtype == found.document_vectors.dtype == np.float32


@pytest.mark.parametrize(
    "relevant",
    [
        {"relevant": np.array([4, 0, 4])},
        {"relevant": np.array([[2, 4], [0, 4], [1, 0], [0, 4]], dtype=np.uint8)},
        {"relevant_offsets": np.array([0, 2, 3, 4]), "relevant_numbers": np.array([4, 4, 0, 4])},
    ],
)
def test_three_ways_to_say_what_is_right(read, relevant):
    found = read(**relevant)
    assert found.pairs.relevant == ((4,), (0,), (4,))
    assert len(found.pairs.documents) == 5
    assert found.pairs.defect_counts == {"shared_positive": 1}


def test_sets_of_right_documents(read):
    found = read(relevant_offsets=np.array([0, 3, 3, 4]), relevant_numbers=np.array([4, 1, 4, 0]))
    assert found.pairs.queries == ("query 1", "query 3")
    assert found.pairs.relevant == ((1, 4), (0,))
    assert found.pairs.skipped == (("query 2", "it has no right document"),)
    assert np.array_equal(found.query_vectors, QUERIES[[0, 2]])


def test_hard_negatives_with_types_and_weights(read):
    hard = {
        "hard": np.array([[0, 2], [2, 0], [0, 1], [0, 2], [1, 1], [0, 0]]),
        "hard_types": np.array(["price, area", "x,x", "", "area", "x", "x"]),
        "hard_weights": np.array([2.0, 0.0, np.nan, 1.0, 1.0, 1.0]),
    }
    found = read(relevant=np.array([0, 1, 3]), **hard)
    assert found.pairs.hard_negatives == (
        (HardNegative(document=2, types=("price", "area"), weight=2.0),),
        (),
        (),
    )
    assert found.pairs.defects == (
        Defect(kind="negative_is_own_positive", where="query 1, hard 4", text="document 1", other="query 1"),
        Defect(kind="negative_is_own_positive", where="query 2, hard 1", text="document 2", other="query 2"),
        Defect(kind="negative_is_other_positive", where="query 1, hard 2", text="document 2", other="query 2"),
        Defect(kind="negative_is_other_positive", where="query 3, hard 1", text="document 1", other="query 1"),
        Defect(kind="repeated_negative", where="query 1, hard 3", text="document 3", other="query 1, hard 1"),
        Defect(kind="missing_weight", where="query 1, hard 2", text="document 2"),
        Defect(kind="zero_weight", where="query 3, hard 1", text="document 1", other="0"),
        Defect(kind="repeated_type", where="query 3, hard 1", text="document 1", other="x"),
    )
    assert found.pairs.raw.relevant == ((0,), (1,), (3,))
    assert found.pairs.raw.hard == ((1, 2), (), (0,))
    assert read(relevant=np.array([0, 1, 3]), hard=np.array([[0, 4]])).pairs.defects == ()


def test_texts_that_repeat_are_merged_where_their_vectors_agree(read):
    documents = np.vstack([DOCUMENTS[:2], DOCUMENTS[0] * (1 + 1e-6), -DOCUMENTS[1]])
    found = read(
        documents=documents,
        relevant=np.array([2, 1, 3]),
        query_texts=np.array(["phòng Q1", "phong q1", "phòng  Q1"]),
        document_texts=np.array(["a", "b", " a", "b"]),
    )
    assert found.has_texts
    # two queries of one text whose vectors differ stay two, and so do the two documents called b
    assert found.pairs.queries == ("phòng Q1", "phong q1", "phòng  Q1")
    assert found.pairs.documents == ("a", "b", "b")
    assert found.pairs.relevant == ((0,), (1,), (2,))
    assert found.pairs.ignored == ((), (), ())
    assert found.pairs.raw.document.tolist() == [0, 1, 0, 2]
    assert np.array_equal(found.document_vectors, documents[[0, 1, 3]])
    merged = read(queries=QUERIES[[0, 0, 1]], documents=DOCUMENTS[:3], query_texts=np.array(["q", "q", "r"]))
    assert merged.pairs.queries == ("q", "r")
    assert merged.pairs.relevant == ((0, 1), (2,))
    assert merged.pairs.defect_counts == {"repeated_query": 1, "query_with_several_positives": 1}
    assert np.array_equal(merged.query_vectors, QUERIES[[0, 1]])


def test_near_copies_are_ignored(read):
    texts = np.array(["Quận 10, có gác", "Quận 11, có gác", "co gac; quan 10", "x", "y"])
    found = read(relevant=np.array([0, 1, 3]), document_texts=texts)
    assert found.pairs.ignored == ((2,), (), ())
    assert found.pairs.defect_counts == {"near_copies": 1}


def test_texts_that_are_none_get_a_name(read):
    found = read(
        documents=DOCUMENTS[:3],
        document_texts=np.array(["a", "", "c\0d"]),
        query_texts=np.array([b"x", b"\xc4\x91", b"z"]),
    )
    assert found.pairs.documents == ("a", "document 2", "document 3")
    assert found.pairs.queries == ("x", "đ", "z")


def test_other_arrays_are_columns(read):
    found = read(
        relevant=np.array([0, 1, 2]),
        query_price=np.array([5.5, np.nan, 4]),
        document_district=np.array(["Q1", "", "Q3", "Q4", "Q5"]),
        document_beds=np.arange(5),
    )
    assert found.pairs.query_columns == {"price": (5.5, None, 4.0)}
    assert found.pairs.document_columns == {"district": ("Q1", None, "Q3", "Q4", "Q5"), "beds": (0, 1, 2, 3, 4)}


def test_rows_without_a_direction_are_left_out_with_the_reason(read):
    queries, documents = QUERIES.copy(), DOCUMENTS.copy()
    queries[0, 1], documents[1, 2], documents[2], documents[4, 0] = np.nan, np.inf, 0, np.nan
    found = read(
        queries=queries,
        documents=documents,
        relevant=np.array([[0, 0], [1, 1], [1, 3], [2, 2]]),
        hard=np.array([[1, 4], [1, 0]]),
        document_beds=np.arange(5),
    )
    assert found.pairs.queries == ("query 2",)
    assert found.pairs.documents == ("document 1", "document 4")
    assert found.pairs.relevant == ((1,),)
    assert [each.document for each in found.pairs.hard_negatives[0]] == [0]
    assert found.pairs.document_columns == {"beds": (0, 3)}
    assert found.pairs.skipped == (
        ("query 1", "its vector has a value that is not finite"),
        ("query 3", "none of its right documents is left"),
    )
    assert found.lost_documents == (
        ("document 2", "its vector has a value that is not finite"),
        ("document 3", "its vector is all zeros, which has no direction"),
        ("document 5", "its vector has a value that is not finite"),
    )
    assert found.pairs.n_rows == 3 == len(found.pairs) + len(found.pairs.skipped)
    assert np.array_equal(found.query_vectors, QUERIES[[1]])
    assert np.array_equal(found.document_vectors, DOCUMENTS[[0, 3]])


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e-12, 1, 1e12, 1e38, 1e300])
def test_directions_of_the_longest_and_the_shortest_vectors_are_kept(read, scale):
    queries = QUERIES[:, :3].astype(np.float64)
    found = read(queries=queries * np.array([[scale], [1], [1]]), documents=queries).query_vectors
    norms = np.linalg.norm(found, axis=1)
    assert np.isfinite(norms).all()
    assert (norms > 0).all()
    expected = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    assert np.allclose(found / norms[:, None], expected, atol=3e-7)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.int64, ">f4"])
def test_other_kinds_of_numbers(read, dtype):
    matrix = (QUERIES * 10).round().astype(dtype)
    found = read(queries=matrix, documents=np.asfortranarray(matrix))
    assert found.query_vectors.dtype == np.float32
    assert np.array_equal(found.query_vectors, matrix.astype(np.float32))
    assert np.array_equal(found.document_vectors, found.query_vectors)


def test_safetensors(tmp_path):
    arrays = {
        "queries": QUERIES,
        "documents": DOCUMENTS,
        "relevant": np.array([[0, 4], [1, 0], [2, 1]]),
        "query_price": np.array([1.5, 2.5, 3.5]),
    }
    save_file(arrays, tmp_path / "v.safetensors")
    found = read_vectors(tmp_path / "v.safetensors")
    assert found.pairs.relevant == ((4,), (0,), (1,))
    assert found.pairs.query_columns == {"price": (1.5, 2.5, 3.5)}
    assert np.array_equal(found.document_vectors, DOCUMENTS)
    assert np.array_equal(found.query_vectors, QUERIES)


def test_taking_some_keeps_vectors_beside_their_texts_and_documents_nobody_asks_for(read):
    found = read(relevant=np.array([4, 1, 2]), hard=np.array([[0, 3]]))
    taken = found.take([2, 1])
    assert taken.pairs.queries == ("query 3", "query 2")
    # document 1 is nobody's; documents 4 and 5 are only the first query's
    assert taken.pairs.documents == ("document 1", "document 2", "document 3")
    assert taken.pairs.relevant == ((2,), (1,))
    assert np.array_equal(taken.query_vectors, QUERIES[[2, 1]])
    assert np.array_equal(taken.document_vectors, DOCUMENTS[[0, 1, 2]])
    again = taken.take([1])
    assert again.pairs.documents == ("document 1", "document 2")
    assert np.array_equal(again.document_vectors, DOCUMENTS[[0, 1]])


def test_one_query_and_one_document(read):
    found = read(queries=QUERIES[:1], documents=DOCUMENTS[:1])
    assert (len(found.pairs), found.pairs.relevant) == (1, ((0,),))


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, r"does not say which documents are right(.|\n)*3 queries and 5 documents(.|\n)*`relevant`"),
        ({"relevant": np.array([0, 1, 5])}, r"`relevant` .* no row(.|\n)*got: 5(.|\n)*-1 to 4"),
        ({"relevant": np.array([0, -2, 1])}, "got: -2"),
        ({"relevant": np.array([[0, 1], [3, 1]])}, r"got: 3(.|\n)*0 to 2"),
        ({"relevant": np.array([[0, -1]])}, "got: -1"),
        ({"relevant": np.array([0, 1])}, r"`relevant` .* wrong shape(.|\n)*or 3 numbers"),
        ({"relevant": np.zeros((3, 2, 2), int)}, "wrong shape"),
        ({"relevant": np.array(1)}, "a single number"),
        ({"relevant": np.array([0.0, 1.0, 2.0])}, "`relevant` .* whole numbers"),
        ({"relevant": np.array(["0", "1", "2"])}, "`relevant` .* whole numbers"),
        ({"relevant": np.array([0, 1, 2**63], dtype=np.uint64)}, "no row"),
        ({"relevant": np.array([-1, -1, -1])}, r"no query .* can be used(.|\n)*query 1: it has no right document"),
        ({"relevant": np.zeros((0, 2), int)}, "no query .* can be used"),
        ({"relevant_offsets": np.array([0, 1, 2, 3])}, "lacks `relevant_numbers`"),
        ({"relevant_numbers": np.array([0, 1, 2])}, "lacks `relevant_offsets`"),
        ({"relevant_offsets": np.array([0, 1, 2]), "relevant_numbers": np.array([0, 1])}, "don't fit"),
        ({"relevant_offsets": np.array([0, 2, 1, 2]), "relevant_numbers": np.array([0, 1])}, "don't fit"),
        ({"relevant_offsets": np.array([0, 1, 2, 9]), "relevant_numbers": np.array([0, 1])}, "don't fit"),
        ({"relevant_offsets": np.array([0, 0, 1, 2]), "relevant_numbers": np.array([0, 5])}, "no row"),
        (
            {
                "relevant": np.array([0, 1, 2]),
                "relevant_offsets": np.zeros(4, int),
                "relevant_numbers": np.zeros(0, int),
            },
            "has both",
        ),
        ({"queries": QUERIES[:0]}, "`queries` .* has no rows"),
        ({"documents": DOCUMENTS[:0]}, "`documents` .* has no rows"),
        ({"queries": QUERIES[:, :0]}, "`queries` .* is no matrix"),
        ({"queries": QUERIES[0]}, "`queries` .* is no matrix"),
        ({"queries": QUERIES[None]}, "`queries` .* is no matrix"),
        ({"queries": QUERIES.astype(complex)}, "does not hold numbers"),
        ({"queries": QUERIES.astype(str)}, "does not hold numbers"),
        ({"queries": QUERIES[:, :3]}, r"one space(.|\n)*got: 3 and 4 features"),
        ({"queries": QUERIES * np.nan, "relevant": np.array([0, 1, 2])}, "no query .* can be used"),
        ({"documents": DOCUMENTS * 0, "relevant": np.array([0, 1, 2])}, r"no query(.|\n)*none of its right documents"),
        (
            {"relevent": np.array([0, 1, 2])},
            r"array `relevent`, whose meaning is unknown(.|\n)*did you mean `relevant`",
        ),
        ({"query_text": np.array(["a", "b", "c"])}, "did you mean `query_texts`"),
        ({"query_": np.arange(3)}, "meaning is unknown"),
        ({"query_texts": np.array(["a", "b"])}, r"`query_texts` .* wrong shape(.|\n)*3, one for each of `queries`"),
        ({"document_beds": np.zeros((5, 2))}, r"`document_beds` .* wrong shape(.|\n)*5 x 2"),
        ({"document_day": np.zeros(5, "M8[D]")}, "neither texts nor numbers"),
        ({"hard": np.array([0, 1, 2]), "relevant": np.arange(3)}, "`hard` .* wrong shape"),
        ({"hard": np.array([[0, 5]]), "relevant": np.arange(3)}, "`hard` .* no row"),
        ({"hard_types": np.array(["x"]), "relevant": np.arange(3)}, "`hard_types` without `hard`"),
        (
            {"hard": np.array([[0, 4]]), "hard_types": np.array(["x", "y"]), "relevant": np.arange(3)},
            r"`hard_types`(.|\n)*1, one for each of `hard`",
        ),
        ({"document_texts": np.array([b"\xff"] * 5), "relevant": np.arange(3)}, "can't be read"),
    ],
)
def test_arrays_that_do_not_fit(read, arrays, told):
    with pytest.raises(DataError, match=told) as caught:
        read(**arrays)
    assert "v.npz" in str(caught.value)


@pytest.mark.parametrize("name", ["queries", "documents", "query_texts", "relevant", "document_beds"])
def test_python_objects_are_never_loaded(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the file's code ran",))

    arrays = {"queries": QUERIES, "documents": DOCUMENTS[:3], name: np.array([Trap()] * 3, dtype=object)}
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(SafetyError, match=f"`{name}` .* Python objects"):
        read_vectors(tmp_path / "v.npz")


def test_files_of_another_kind(tmp_path):
    path = tmp_path / "v"
    np.savez(path.with_suffix(".npz"), queries=QUERIES, vectors=DOCUMENTS)
    with pytest.raises(DataError, match=r"no array `documents`(.|\n)*`vectors`"):
        read_vectors(path.with_suffix(".npz"))
    np.save(tmp_path / "v.npy", QUERIES)
    for content, error, told in (
        ((tmp_path / "v.npy").read_bytes(), DataError, "no queries and documents"),
        (b"q,d\n1,2\n", DataError, "no queries and documents"),
        (b'{"query": "q", "pos": "p"}', DataError, "no queries and documents"),
        (b"", DataError, "is empty"),
        (pickle.dumps(QUERIES), SafetyError, "pickle"),
        (path.with_suffix(".npz").read_bytes()[:300], DataError, "can't be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(error, match=told):
            read_vectors(path)
    torch.save({"queries": torch.zeros(2, 2)}, path)
    with pytest.raises(SafetyError, match="torch"):
        read_vectors(path)
    with pytest.raises(DataError, match="No such file"):
        read_vectors(tmp_path / "none")


def test_a_small_file_that_claims_to_unpack_to_anything(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000), }"
    head = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("queries.npy", head)
        archive.writestr("documents.npy", head)
    with pytest.raises(ResourceError, match="does not fit in memory"):
        read_vectors(tmp_path / "v.npz")


@pytest.mark.parametrize("empty", [np.array([]), np.zeros((0, 2)), np.zeros((0, 2), dtype=np.int64)])
def test_no_hard_negatives_may_be_an_empty_array_of_any_kind(tmp_path, empty):
    np.savez(tmp_path / "v.npz", queries=np.eye(2), documents=np.eye(2), hard=empty)
    assert read_vectors(tmp_path / "v.npz").pairs.hard_negatives == ((), ())
