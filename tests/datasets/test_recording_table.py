import os

import pytest

from latentscape.datasets.recording_table import read_table
from latentscape.errors import DataError


@pytest.fixture
def clips(tmp_path, wav):
    for name in ("a.wav", "b.wav", "deep/c, d.wav", "e.wav"):
        wav(tmp_path / name)
    return tmp_path


def write(folder, text, *, encoding="utf-8"):
    (folder / "t.csv").write_bytes(text.encode(encoding))
    return folder / "t.csv"


def rows(listing):
    return [(r.name, r.label, r.speaker, r.dataset) for r in listing.recordings]


def test_all_columns_in_any_order_with_quotes_and_a_byte_order_mark(clips):
    path = write(
        clips,
        'Speaker, LABEL ,path,dataset,remark\r\ns1,Happy,a.wav,lab,"x, y"\r\ns2,Sad,"deep/c, d.wav",home,\r\n',
        encoding="utf-8-sig",
    )
    assert rows(read_table(path)) == [("a.wav", "Happy", "s1", "lab"), ("deep/c, d.wav", "Sad", "s2", "home")]


def test_only_path_and_label(clips):
    assert rows(read_table(write(clips, "path,label\na.wav,x\n\nb.wav,y\n"))) == [
        ("a.wav", "x", "", ""),
        ("b.wav", "y", "", ""),
    ]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_semicolons_and_tabs(clips, sign):
    assert len(read_table(write(clips, f"path{sign}label\na.wav{sign}x\n")).recordings) == 1


def test_absolute_paths_and_paths_beside_the_folder(clips, tmp_path_factory, wav):
    other = wav(tmp_path_factory.mktemp("other") / "z.wav")
    beside = os.path.relpath(other, clips)
    listing = read_table(write(clips, f"path,label\n{other},x\n{clips}/a.wav,y\n{beside},z\n"))
    assert [r.path for r in listing.recordings] == [other, clips / "a.wav"]
    assert listing.recordings[1].name == "a.wav"
    assert listing.skipped[0][1] == "line 4: the same file is listed before, with the label `x`"


def test_every_bad_row_is_skipped_with_its_line_and_reason(clips):
    os.mkfifo(clips / "pipe.wav")
    path = write(
        clips,
        "path,label\na.wav,x\nmissing.wav,x\n,x\nb.wav,\npipe.wav,x\na.wav,y\ne.wav\ne.wav,x,extra\ndeep,x\nb\0.wav,x\n",
    )
    listing = read_table(path)
    assert len(listing.recordings) == 1
    reasons = [reason for _, reason in listing.skipped]
    for reason, start in zip(
        reasons,
        [
            "line 3: can't open",
            "line 4: no path",
            "line 5: no label",
            "line 6: ",
            "line 7: the same file is listed before, with the label `x`",
            "line 8: 1 cells under 2 columns",
            "line 9: 3 cells under 2 columns",
            "line 10: ",
            "line 11: ",
        ],
        strict=True,
    ):
        assert reason.startswith(start)
    assert "not a regular file" in reasons[3]
    assert "not a regular file" in reasons[7]
    assert "null byte" in reasons[8]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column `path`"),
        (b"file,label\na.wav,x\n", "no column `path`"),
        (b"path,labels\na.wav,x\n", "did you mean `labels`"),
        (b"path,label\n", "a heading and nothing below it"),
        (b"path,label\nzzz.wav,x\n", "no usable row"),
        (b'path,label\n"a.wav,x\n', "line 2: unexpected end of data"),
        (b"path,label\na.wav,\xff\xfe\n", "line 2 is not UTF-8"),
        ("path,label\na.wav,x\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"path,label\na.wav," + b"x" * 200_000, "field larger than field limit"),
    ],
)
def test_tables_that_can_not_be_used(clips, content, message):
    (clips / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(clips / "t.csv")
    assert "t.csv" in str(caught.value)


def test_no_table_and_a_folder_for_a_table(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="a folder"):
        read_table(tmp_path)
