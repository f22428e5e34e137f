from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from latentscape.media import link_media, locate_files
from latentscape.media.links import link_from


def test_links_lead_from_the_page_to_the_file(tmp_path, tone):
    names = ["plain.wav", "a b#1?.wav", "100%.wav", "Quận 10.wav", 'x" onerror=alert(1).wav', "java:x.wav"]
    for name in names:
        tone(tmp_path / "speech" / name)
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    media = link_media(run, locate_files([f"d/{name}" for name in names], {"d": tmp_path / "speech"}))
    assert media.kind == "audio"
    for name, link in zip(names, media.links, strict=True):
        assert link.startswith("../../speech/")
        assert not set(link) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/%")
        assert (run / unquote(link)).resolve() == (tmp_path / "speech" / name).resolve()


def test_links_go_by_where_folders_really_are(tmp_path, tone):
    tone(tmp_path / "far" / "data" / "a.wav")
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "speech").symlink_to(tmp_path / "far" / "data")
    (tmp_path / "far" / "run").mkdir()
    (tmp_path / "near" / "run").symlink_to(tmp_path / "far" / "run")
    media = link_media(tmp_path / "near" / "run", locate_files(["d/a.wav"], {"d": tmp_path / "near" / "speech"}))
    assert media.links == ("../data/a.wav",)


def test_no_link_spells_an_absolute_path():
    assert link_from(Path("/home/me/run"), Path("/data/a.wav")) is None
    assert link_from(Path("/home/me/run"), Path("/home/me/data/a.wav")) == "../data/a.wav"


def test_one_kind_a_run_and_only_what_the_bytes_prove(tmp_path, tone):
    for name in ("a.png", "b.webp"):
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    tone(tmp_path / "c.wav")
    (tmp_path / "d.jpg").write_text("<svg onload=alert(1)>")
    media = link_media(tmp_path, locate_files(["a.png", "b.webp", "c.wav", "d.jpg", "e.gif"], {"": tmp_path}))
    assert (media.kind, media.links) == ("image", ("a.png", "b.webp", None, None, None))
