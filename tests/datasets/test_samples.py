import io
import json

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image
from pyarrow import parquet

from latentscape.datasets import sample_rows
from latentscape.datasets import samples as samples_module
from latentscape.datasets.audio import load_audio
from latentscape.datasets.pictures import load_picture
from latentscape.datasets.samples import Columns, read_samples
from latentscape.errors import DataError, ResourceError, SafetyError, UsageError


def png(shade=0, size=(3, 2)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_parquet(folder, columns):
    path = folder / "data.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def named_labels(samples):
    return [samples.class_names[label] for label in samples.labels]


def texts(labels, text="a text {}"):
    return [{"text": text.format(row), "label": label} for row, label in enumerate(labels)]


# folders


@pytest.mark.parametrize(
    ("columns", "got"),
    [
        (Columns(label="species"), "`--label-column species`"),
        (Columns(content="image", group="x"), "`--column image`, `--group-column x`"),
        (Columns(dataset=""), "`--dataset-column `"),
    ],
)
@pytest.mark.parametrize("split", ["", "test/"])
def test_class_folders_have_no_columns(tmp_path, columns, got, split):
    for name in ("cat/a.png", "dog/b.png"):
        write(tmp_path / f"{split}{name}", png())
    with pytest.raises(UsageError, match="no columns") as caught:
        read_samples(tmp_path, columns=columns)
    assert caught.value.fault == "option-conflict"
    assert got in str(caught.value)
    write(
        tmp_path / split / "metadata.csv",
        "file_name,species,image,x\ncat/a.png,cat,cat/a.png,1\ndog/b.png,dog,dog/b.png,2\n",
    )
    if columns.dataset is None:
        assert len(read_samples(tmp_path, columns=Columns(label="species", group=columns.group))) == 2


def test_a_folder_for_each_class(tmp_path):
    for shade, name in enumerate(("dog/b.png", "cat/deep/é.JPG", "cat/a.png", "dog/c.png")):
        write(tmp_path / "pets" / name, png(shade % 3))
    write(tmp_path / "pets" / "beside.png", png())
    write(tmp_path / "pets" / "README.md", "words")
    samples = read_samples(tmp_path / "pets")
    assert samples.kind == "image"
    assert samples.ids == ("pets/cat/a.png", "pets/cat/deep/é.JPG", "pets/dog/b.png", "pets/dog/c.png")
    assert named_labels(samples) == ["cat", "cat", "dog", "dog"]
    assert samples.skipped == (("pets/beside.png", "lies beside the class folders, not in one"),)
    assert samples.media_root == tmp_path / "pets"
    assert samples.copies == ((2, 3),)
    assert not samples.numbered
    assert samples.split == ""
    assert load_picture(samples.contents[1]).getpixel((0, 0)) == (1, 0, 0)


def test_folders_of_sound_and_of_text(tmp_path, wav):
    wav(tmp_path / "s" / "hey" / "a.wav")
    wav(tmp_path / "s" / "ho" / "b.wav", seed=1)
    assert read_samples(tmp_path / "s").kind == "audio"
    write(tmp_path / "t" / "good" / "1.txt", "\ufeff ngon lắm \n")
    write(tmp_path / "t" / "bad" / "2.txt", b"\xff\xfe")
    write(tmp_path / "t" / "bad" / "3.txt", "dở")
    write(tmp_path / "t" / "bad" / "4.txt", " ")
    samples = read_samples(tmp_path / "t", named="food")
    assert (samples.kind, samples.contents, samples.ids) == (
        "text",
        ("dở", "ngon lắm"),
        ("food/bad/3.txt", "food/good/1.txt"),
    )
    assert samples.skipped == (("food/bad/2.txt", "it is not UTF-8 text"), ("food/bad/4.txt", "the text is empty"))


def test_splits_above_the_classes_and_the_held_out_one_is_taken(tmp_path):
    for split in ("train", "val"):
        for label in ("x", "y"):
            write(tmp_path / split / label / "a.png", png(len(split)))
    held_out = read_samples(tmp_path, named="d")
    assert (held_out.split, held_out.ids) == ("val", ("d/val/x/a.png", "d/val/y/a.png"))
    assert held_out.media_root == tmp_path
    assert read_samples(tmp_path, split="train").split == "train"
    assert read_samples(tmp_path, split="validation").split == "val"
    with pytest.raises(UsageError, match="no split `tain`") as caught:
        read_samples(tmp_path, split="tain")
    assert "did you mean `train`" in str(caught.value)
    write(tmp_path / "test" / "y" / "b.png", png())
    assert read_samples(tmp_path, named="d").ids == ("d/test/y/b.png",)


def test_a_split_of_what_has_none(tmp_path):
    for label in ("x", "y"):
        write(tmp_path / label / "a.png", png())
    with pytest.raises(UsageError, match="has no splits"):
        read_samples(tmp_path, split="test")


def test_metadata_beside_the_files(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "test" / "images" / f"{name}.png", png(ord(name)))
    rows = [{"file_name": f"images/{name}.png", "label": name} for name in "ab"]
    write(tmp_path / "test" / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    samples = read_samples(tmp_path, named="d")
    assert samples.split == "test"
    assert named_labels(samples) == ["a", "b"]
    assert samples.ids == ("d/images/a.png", "d/images/b.png")
    assert samples.media_root == tmp_path / "test"


def test_tables_of_splits_in_a_folder_of_data(tmp_path):
    for name, label in (("train-00000-of-00001", "no"), ("test-00000-of-00002", "x"), ("test-00001-of-00002", "y")):
        place = tmp_path / "data" / f"{name}.parquet"
        place.parent.mkdir(exist_ok=True)
        parquet.write_table(pa.table({"text": [f"{name} text"], "label": [label]}), place)
    samples = read_samples(tmp_path, named="d")
    assert (samples.split, named_labels(samples)) == ("test", ["x", "y"])
    assert samples.ids == ("d/row 0", "d/row 1")
    assert named_labels(read_samples(tmp_path, split="train")) == ["no"]


def test_one_table_beside_one_folder_of_files(tmp_path):
    write(tmp_path / "images" / "a.png", png())
    write(tmp_path / "labels.csv", "image,class\nimages/a.png,x\n")
    assert named_labels(read_samples(tmp_path)) == ["x"]
    write(tmp_path / "more.csv", "image,class\nimages/a.png,x\n")
    with pytest.raises(DataError, match="holds several tables"):
        read_samples(tmp_path)


def test_pictures_with_captions_need_a_kind(tmp_path):
    for label in ("x", "y"):
        write(tmp_path / label / "a.png", png())
        write(tmp_path / label / "a.txt", "a caption")
    with pytest.raises(DataError, match="several kinds") as caught:
        read_samples(tmp_path)
    assert "--kind" in caught.value.hint
    assert read_samples(tmp_path, kind="image").kind == "image"
    assert read_samples(tmp_path, kind="text").contents == ("a caption", "a caption")


def test_a_folder_with_nothing(tmp_path):
    with pytest.raises(DataError, match="no samples in") as caught:
        read_samples(tmp_path)
    assert caught.value.exit_code == 3
    write(tmp_path / "a.png", png())
    with pytest.raises(DataError, match="no samples in"):
        read_samples(tmp_path)


# tables


def test_a_manifest_of_files(tmp_path, wav):
    for seed, name in enumerate(("a.wav", "deep/b.wav", "c.wav")):
        wav(tmp_path / name, seed=seed)
    write(tmp_path / "x.png", png())
    rows = "a.wav,happy,s1,lab\ndeep/b.wav,Sad,,home\nmissing.wav,sad,s2,lab\nc.wav,,s2,lab\na.wav,sad,s1,lab\n"
    rows += "x.png,sad,s1,lab\nhttps://a.b/c.wav,sad,s1,lab\n,sad,s1,lab\nc.wav,sad\n"
    path = write(
        tmp_path / "list.csv", b"\xef\xbb\xbf" + f"Path,Label,speaker,dataset\n{rows}".replace("\n", "\r\n").encode()
    )
    samples = read_samples(path)
    assert samples.kind == "audio"
    assert samples.ids == ("lab/a.wav", "home/deep/b.wav")
    assert named_labels(samples) == ["happy", "Sad"]
    assert samples.dataset_names == ("lab", "home")
    assert samples.dataset_ids.tolist() == [0, 1]
    assert samples.speakers == ("lab/s1", "home/deep/b.wav")
    assert samples.notes == {"speaker_unknown": 1}
    assert samples.media_root == tmp_path
    reasons = dict(samples.skipped)
    assert reasons["list/line 10"] == "2 cells under 4 columns"
    assert "No such file" in reasons["list/missing.wav"]
    assert reasons["list/c.wav"] == "no label"
    assert reasons["list/a.wav"] == "line 6: the same file is listed before, as a.wav"
    assert reasons["list/x.png"] == "line 7: holds pictures, not sound"
    assert reasons["list/https://a.b/c.wav"].endswith("download it first")
    assert reasons["list/line 9"] == "no path"


def test_absolute_paths_and_paths_that_climb(tmp_path, tmp_path_factory):
    other = write(tmp_path_factory.mktemp("other") / "z.png", png(1))
    write(tmp_path / "b.png", png(2))
    path = write(tmp_path / "m" / "t.csv", f"file,label\n{other},x\n../b.png,y\n")
    samples = read_samples(path)
    assert [load_picture(content).getpixel((0, 0))[0] for content in samples.contents] == [1, 2]
    assert samples.media_root is None


def test_a_manifest_of_text_files(tmp_path, wav):
    write(tmp_path / "a.txt", "words")
    write(tmp_path / "b.txt", b"\xff")
    wav(tmp_path / "c.wav")
    path = write(tmp_path / "t.csv", "file,label\na.txt,x\nb.txt,y\nc.wav,y\n")
    samples = read_samples(path)
    assert (samples.kind, samples.contents, samples.ids) == ("text", ("words",), ("t/a.txt",))
    assert dict(samples.skipped) == {
        "t/b.txt": "line 3: it is not UTF-8 text",
        "t/c.wav": "line 4: holds sound, not text",
    }
    assert (samples.media_root, samples.paths) == (None, ())


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_of_texts(tmp_path, sign):
    path = write(
        tmp_path / "t.csv", f'id{sign}text{sign}label\n7{sign}"a{sign} b\nc"{sign}x\n8{sign} {sign}y\n9{sign}d{sign}y\n'
    )
    samples = read_samples(path)
    assert (samples.kind, samples.contents, samples.ids) == ("text", (f"a{sign} b\nc", "d"), ("t/7", "t/9"))
    assert samples.skipped == (("t/line 4", "the text is empty"),)
    assert samples.media_root is None


def test_tabs_with_quotes_that_make_no_sense_and_a_very_long_text(tmp_path):
    long = "word " * 40_000
    path = write(tmp_path / "t.tsv", f'text\tlabel\n"hm" he said\tx\n{long}\ty\n')
    assert read_samples(path).contents == ('"hm" he said', long.strip())


def test_json_lines_json_and_columns(tmp_path):
    rows = texts(["x", "y"])
    lines = [*map(json.dumps, rows), '{"text": "half', '{"text": "a", "text": "b", "label": "x"}', "7", ""]
    samples = read_samples(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert samples.contents == ("a text 0", "a text 1")
    assert [reason.partition(" at ")[0] for _, reason in samples.skipped] == [
        "broken JSON",
        "a key is given twice",
        "is a number, not an object",
    ]
    assert read_samples(write(tmp_path / "b.json", json.dumps(rows))).contents == samples.contents
    assert read_samples(write(tmp_path / "d.json", json.dumps({"data": rows}))).contents == samples.contents
    columns = {name: [row[name] for row in rows] for name in ("text", "label")}
    assert read_samples(write(tmp_path / "c.json", json.dumps(columns))).contents == samples.contents


def test_half_a_character_costs_its_row_only(tmp_path):
    rows = [*texts(["x", "y"]), {"text": "half \ud800", "label": "x"}]
    for name, content in (("a.json", json.dumps(rows)), ("a.jsonl", "\n".join(map(json.dumps, rows)))):
        samples = read_samples(write(tmp_path / name, content))
        assert len(samples) == 2
        assert ["half a character" in reason for _, reason in samples.skipped] == [True]


def test_a_folder_of_another_kind_says_what_it_holds(tmp_path):
    write(tmp_path / "a" / "1.txt", "one")
    write(tmp_path / "b" / "2.txt", "two")
    with pytest.raises(DataError, match="got: 2 files of text"):
        read_samples(tmp_path, kind="image")


def test_parquet_of_bytes_with_what_datasets_notes_of_its_columns(tmp_path):
    note = {
        "info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "img": {"_type": "Image"}}}
    }
    cells = [{"bytes": png(row), "path": f"in/{row}.png"} for row in range(3)] + [{"bytes": None, "path": None}]
    table = pa.table({"img": cells, "caption": ["c"] * 4, "label": [1, 0, -1, 0]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(note)}), tmp_path / "p.parquet")
    samples = read_samples(tmp_path / "p.parquet")
    assert (samples.kind, samples.class_names, samples.numbered) == ("image", ("cat", "dog"), True)
    assert samples.ids == ("p/0.png", "p/1.png")
    assert samples.labels.tolist() == [1, 0]
    assert samples.skipped == (("p/row 3", "no sound and no picture in it"), ("p/2.png", "no label"))
    assert load_picture(samples.contents[1]).getpixel((0, 0)) == (1, 0, 0)


def test_sound_as_bytes_is_the_sound_of_the_file(tmp_path, wav):
    path = wav(tmp_path / "a.wav", rate=8000)
    parquet.write_table(pa.table({"audio": [path.read_bytes()], "label": ["x"]}), tmp_path / "p.parquet")
    samples = read_samples(tmp_path / "p.parquet")
    assert samples.kind == "audio"
    np.testing.assert_array_equal(load_audio(samples.contents[0]), load_audio(path))


def test_a_column_of_splits(tmp_path):
    path = write(tmp_path / "t.csv", "text,label,split\na,x,train\nb,y,test\nc,x,test\n")
    assert (read_samples(path).contents, read_samples(path).split) == (("b", "c"), "test")
    assert read_samples(path, split="train").contents == ("a",)
    with pytest.raises(UsageError, match="no split"):
        read_samples(path, split="dev")
    with pytest.raises(UsageError, match="has no splits"):
        read_samples(write(tmp_path / "u.csv", "text,label\na,x\n"), split="dev")


# which column is what


@pytest.mark.parametrize(
    ("heading", "columns", "words"),
    [
        ("text,sort", {}, "holds the labels"),
        ("text,fine,label,labels", {}, "several columns"),
        ("sentence,review,label", {}, "several columns"),
        ("text,label", {"label": "lable"}, "did you mean `label`"),
        ("text,label", {"content": "tex"}, "did you mean `text`"),
        ("a,b,label", {}, "several columns"),
        ("label", {}, "holds the samples"),
    ],
)
def test_columns_that_can_not_be_told(tmp_path, heading, columns, words):
    path = write(tmp_path / "t.csv", f"{heading}\n{','.join('x' for _ in heading.split(','))}\n")
    with pytest.raises(DataError, match=words) as caught:
        read_samples(path, columns=Columns(**columns))
    assert caught.value.fault == "data-columns"


def test_columns_by_the_names_the_user_gives(tmp_path):
    path = write(tmp_path / "t.csv", "a,b,c,d,e\none,x,me,here,7\ntwo,y,you,there,8\n")
    samples = read_samples(path, columns=Columns(content="a", label="b", group="C", dataset="d", ids="e"))
    assert samples.contents == ("one", "two")
    assert samples.ids == ("here/7", "there/8")
    assert samples.speakers == ("here/me", "there/you")


def test_sound_goes_before_its_transcript_and_kind_chooses(tmp_path, wav):
    wav(tmp_path / "a.wav")
    path = write(tmp_path / "t.csv", "audio,text,label\na.wav,hello,x\n")
    assert read_samples(path).kind == "audio"
    assert read_samples(path, kind="text").contents == ("hello",)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("text", ["1.5", "2"], "holds no samples"),
        ("text", [1.5, 2.0], "holds no samples"),
        ("label", [0.25, 0.5], "measured values"),
        ("label", ["0.25", "0.5"], "measured values"),
        ("label", [["x"], ["y"]], "several labels"),
        ("label", [None, ""], "no row of `label` has a label"),
        ("label", [12_000, 1], "numbers that are no classes"),
    ],
)
def test_a_column_of_the_wrong_kind(tmp_path, column, values, words):
    table = {"text": ["a", "b"], "label": ["x", "y"]} | {column: values}
    with pytest.raises(DataError, match=words) as caught:
        read_samples(write_parquet(tmp_path, table))
    assert caught.value.hint


def test_names_of_samples_are_no_classes(tmp_path):
    rows = texts([f"class {row}" for row in range(1001)])
    with pytest.raises(DataError, match="too many different values"):
        read_samples(write(tmp_path / "a.json", json.dumps(rows)))


@pytest.mark.parametrize(
    ("values", "names", "numbers", "numbered"),
    [
        ([0, 2, 1], ("0", "1", "2"), [0, 2, 1], True),
        (["0", "2.0", "1"], ("0", "1", "2"), [0, 2, 1], True),
        ([0.0, 1.0, float("nan")], ("0", "1"), [0, 1], True),
        ([True, False, None], ("0", "1"), [1, 0], True),
        ([-1, 1, 0], ("0", "1"), [1, 0], True),
        ([-1, 1, -1], ("-1", "1"), [0, 1, 0], False),
        (["01", "02", "01"], ("01", "02"), [0, 1, 0], False),
        (["b", " a ", "b"], ("a", "b"), [1, 0, 1], False),
        (["phòng", "pho\u0300ng", "x"], ("phòng", "x"), [0, 0, 1], False),
        (["x", "1.5", "2"], ("1.5", "2", "x"), [2, 0, 1], False),
        (["1", "nan", "0"], ("0", "1"), [1, 0], True),
        (["b", "NaN", "<NA>", "a", "NA"], ("NA", "a", "b"), [2, 1, 0], False),
    ],
)
def test_labels_of_every_spelling(tmp_path, values, names, numbers, numbered):
    samples = read_samples(
        write_parquet(tmp_path, {"text": [f"text {row}" for row in range(len(values))], "label": values})
    )
    assert (samples.class_names, samples.labels.tolist(), samples.numbered) == (names, numbers, numbered)


def test_copies_and_oddities_are_counted(tmp_path):
    samples = read_samples(write(tmp_path / "t.csv", "text,label\na,X\nb,x\na,x\nc,x\n"))
    assert samples.copies == ((0, 2),)
    assert samples.notes == {
        "identical_groups": 1,
        "identical_groups_with_different_labels": 1,
        "labels_differing_only_in_case": 2,
    }


# files that other libraries write


def test_parquet_of_pandas_with_categories_and_an_index(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(texts(["x", "y", None]), index=[5, 5, 5])
    frame["label"] = frame["label"].astype("category")
    frame.to_parquet(tmp_path / "data.parquet")
    samples = read_samples(tmp_path / "data.parquet", named="mine")
    assert samples.ids == ("mine/row 0", "mine/row 1")
    assert named_labels(samples) == ["x", "y"]


def test_parquet_with_dictionaries_and_large_text(tmp_path):
    large = pa.array(["a", "b"], pa.large_string())
    path = write_parquet(tmp_path, {"text": large, "label": pa.array(["x", "y"]).dictionary_encode()})
    assert named_labels(read_samples(path)) == ["x", "y"]


# bad files


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"text,label\n\xff\xfe,x\n", "line 2 is not UTF-8"),
        ("a.csv", b'text,label\n"open,x\n', "line 2"),
        ("a.csv", b"text,text,label\na,b,x\n", "one name"),
        ("a.csv", b"text,label\n", "no usable sample"),
        ("a.json", b'[{"text": "a"', "broken JSON"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.jsonl", b"{\n", "broken JSON"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("a.csv", b"<!DOCTYPE html><p>no</p>", "web page"),
        ("a.bin", b"\0\1\2\3" * 9, "as a table"),
        ("a.csv", "text,label\na,x\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"text,label\na,1\nb,inf\n", "got: inf"),
        ("a.parquet", b"PAR1" + bytes(60), "Parquet|read"),
    ],
)
def test_broken_tables(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words) as caught:
        read_samples(write(tmp_path / name, content))
    assert caught.value.exit_code == 3


def test_bytes_that_are_none(tmp_path):
    rows = [{"image": {"bytes": "x", "path": 3}, "label": "x"}]
    with pytest.raises(DataError, match="holds no samples"):
        read_samples(write(tmp_path / "a.json", json.dumps(rows)))


def test_a_missing_path(tmp_path):
    with pytest.raises(DataError, match="no file or folder") as caught:
        read_samples(tmp_path / "gone.csv")
    assert caught.value.fault == "data-missing"


def test_a_word_is_a_missing_folder_where_no_library_knows_names(monkeypatch):
    monkeypatch.setattr(samples_module, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="no file or folder `mydata`"):
        read_samples("mydata")


def test_extension_types_are_refused_where_they_are_asked_for(tmp_path):
    kind = pa.opaque(pa.string(), "odd", "somebody")
    odd = pa.ExtensionArray.from_storage(kind, pa.array(["a", "b"]))
    with pytest.raises(SafetyError):
        read_samples(write_parquet(tmp_path, {"text": odd, "label": ["x", "y"]}))
    path = write_parquet(tmp_path, {"text": ["a", "b"], "label": ["x", "y"], "other": odd})
    assert len(read_samples(path)) == 2


def test_more_media_than_memory_should_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_rows, "MOST_BYTES", 100)
    with pytest.raises(ResourceError, match="held in memory"):
        read_samples(write_parquet(tmp_path, {"image": [png() * 9], "label": ["x"]}))


def test_the_same_rows_in_the_same_order_every_time(tmp_path):
    for name in ("z/1.png", "a/2.png", "m/3.png"):
        write(tmp_path / name, png(ord(name[0])))
    first, second = read_samples(tmp_path), read_samples(tmp_path)
    assert first.ids == second.ids
    assert first.labels.tolist() == second.labels.tolist() == [0, 1, 2]


def test_a_sound_that_is_none_stays_and_fails_when_it_is_read(tmp_path, wav):
    wav(tmp_path / "x" / "a.wav")
    soundfile.write(tmp_path / "x" / "b.wav", np.zeros(0), 16000)
    samples = read_samples(write(tmp_path / "t.csv", "path,label\nx/a.wav,u\nx/b.wav,v\n"))
    assert len(samples) == 2
    with pytest.raises(DataError, match="holds no sound"):
        load_audio(samples.contents[1])
