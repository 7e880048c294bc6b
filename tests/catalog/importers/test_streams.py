"""Files, archives and directories, whole and broken."""

import gzip
import io
import json
import re
import tracemalloc
import zipfile

import pytest

from catalog.importers import streams
from catalog.importers.streams import Broken, Found, Stream
from tests.catalog.importers import formats
from tests.catalog.importers.ctgov_records import make_study


def study(number):
    made = make_study()
    made["protocolSection"]["identificationModule"]["nctId"] = f"NCT{number:08d}"
    return made


def lines(n, start=1):
    return "".join(
        json.dumps(study(i)) + "\n" for i in range(start, start + n)
    ).encode()


def read(path, skip=0):
    return list(Stream(path).read(skip))


def written(tmp_path, name, payload):
    path = tmp_path / name
    path.write_bytes(payload)
    return path


def numbers(items):
    return [
        int(item.record.registry_id[3:]) if isinstance(item, Found) else item.message
        for item in items
    ]


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in members.items():
            archive.writestr(name, payload)
    return buffer.getvalue()


PACKINGS = {
    "record.json": lambda: json.dumps(study(1), indent=2).encode(),
    "records.jsonl": lambda: lines(3),
    "no-suffix.json": lambda: lines(3),
    "blank-lines.ndjson": lambda: b"\n" + lines(2).replace(b"\n", b"\n\n"),
    "list.json": lambda: json.dumps([study(1), study(2)]).encode(),
    "page.json": lambda: json.dumps({"studies": [study(1), study(2)]}).encode(),
    "page-pretty.json": lambda: json.dumps(
        {"totalCount": 2, "studies": [study(1), study(2)], "nextPageToken": "x"},
        indent=1,
    ).encode(),
    "odd-order.json": lambda: json.dumps(
        {"other": 1, "studies": [study(1), study(2)]}, indent=1
    ).encode(),
    "with-bom.jsonl": lambda: b"\xef\xbb\xbf" + lines(1),
    "lines.jsonl.gz": lambda: gzip.compress(lines(3)),
    "one.json.gz": lambda: gzip.compress(json.dumps(study(1)).encode()),
    "zip.zip": lambda: zipped({"a/1.json": lines(1), "Contents.txt": b"x"}),
    "gz-in.zip": lambda: zipped({"b.jsonl.gz": gzip.compress(lines(2))}),
}
COUNTS = dict(zip(PACKINGS, [1, 3, 3, 2, 2, 2, 2, 2, 1, 3, 1, 1, 2], strict=True))


@pytest.mark.parametrize("name", PACKINGS)
def test_every_packing_gives_its_records_in_order(tmp_path, name):
    path = written(tmp_path, name, PACKINGS[name]())

    stream = Stream(path)

    assert numbers(stream.read()) == list(range(1, COUNTS[name] + 1))
    assert stream.share == 1


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("skip", [0, 1, 2, 9])
def test_skipping_leaves_out_the_first_records(tmp_path, name, skip):
    path = written(tmp_path, name, PACKINGS[name]())

    assert read(path, skip) == read(path)[skip:]


def test_a_directory_is_read_in_order_without_hidden_and_other_files(tmp_path):
    written(tmp_path, "2.json", json.dumps(study(2)).encode())
    written(tmp_path, "1.jsonl", lines(1))
    written(tmp_path, ".hidden.json", lines(1))
    written(tmp_path, "notes.txt", b"x")
    (tmp_path / "3").mkdir()
    written(tmp_path / "3", "3.xml", formats.XML.encode())

    found = read(tmp_path)

    assert numbers(found) == [1, 2, 99000002]
    assert [item.place for item in found] == ["1.jsonl:1", "2.json", "3/3.xml"]


def test_a_broken_line_is_told_with_its_place_and_the_rest_goes_on(tmp_path):
    payload = lines(1) + b'{"half": \n' + b"[]\n" + b"{}\n" + lines(1, start=5)
    path = written(tmp_path, "trials.jsonl", payload)

    found = read(path)

    assert [item.place for item in found] == [f"trials.jsonl:{n}" for n in range(1, 6)]
    assert [type(item) for item in found] == [Found, Broken, Broken, Broken, Found]
    assert "not JSON" in found[1].message
    assert "a list" in found[2].message
    assert "protocolSection" in found[3].message


def test_a_truncated_gzip_gives_what_came_before(tmp_path):
    whole = gzip.compress(lines(3000))
    path = written(tmp_path, "cut.jsonl.gz", whole[: len(whole) // 2])

    found = read(path)

    assert len(found) > 100
    assert all(isinstance(item, Found) for item in found[:-1])
    assert "stops in the middle" in found[-1].message


def test_a_damaged_gzip_is_told(tmp_path):
    whole = bytearray(gzip.compress(lines(50)))
    whole[60:90] = bytes(30)

    (*_, last) = read(written(tmp_path, "bad.jsonl.gz", bytes(whole)))

    assert "damaged" in last.message


def test_a_zip_with_a_path_outside_is_refused_and_the_rest_read(tmp_path):
    archive = zipped(
        {"../outside.json": lines(1), "/abs.json": lines(1), "in.jsonl": lines(1, 7)}
    )

    found = read(written(tmp_path, "trials.zip", archive))

    assert [type(item) for item in found] == [Broken, Broken, Found]
    assert "outside of itself" in found[0].message
    assert not (tmp_path.parent / "outside.json").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    archive = zipped({"bomb.json": b" " * 50_000_000, "in.jsonl": lines(1)})

    found = read(written(tmp_path, "trials.zip", archive))

    assert "times its size" in found[0].message
    assert numbers(found[1:]) == [1]


def test_a_gzip_bomb_is_read_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_RECORD_BYTES", 1024 * 1024)
    path = written(tmp_path, "bomb.jsonl.gz", gzip.compress(b"x" * 40_000_000))

    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "longer than any record" in found[0].message
    assert peak < 10_000_000


def test_a_list_is_never_whole_in_memory(tmp_path):
    body = json.dumps(study(1)).encode()
    path = written(
        tmp_path, "big.json", b'{"studies": [' + b",".join([body] * 3000) + b"]}"
    )

    tracemalloc.start()
    n = sum(isinstance(item, Found) for item in Stream(path).read())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert n == 3000
    assert path.stat().st_size > 6_000_000
    assert peak < 3_000_000


@pytest.mark.parametrize(
    ("name", "payload", "words"),
    [
        ("empty.json", b"", "empty"),
        ("text.json", b"hello", "no format"),
        ("half.json", json.dumps(study(1)).encode()[:-9], "not JSON"),
        ("table.csv", b"a,b\n1,2\n", "no format"),
        ("latin.json", "{'é'}".encode("latin-1"), "not text in UTF-8|not JSON"),
        ("deep.json", b'{"a":' * 100_000, "not JSON|nested"),
        ("number.json", b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        ("bad.zip", b"PK\x03\x04 nothing", "damaged"),
        ("v1.json", b'{"FullStudiesResponse": {}}', "protocolSection"),
    ],
)
def test_a_useless_file_gets_one_sentence(tmp_path, name, payload, words):
    (item,) = read(written(tmp_path, name, payload))

    assert isinstance(item, Broken)
    assert item.place == name
    assert re.search(words, item.message), item.message


def test_a_list_that_stops_says_where(tmp_path):
    payload = json.dumps([study(1), study(2)]).encode()[:-50]

    found = read(written(tmp_path, "cut.json", payload))

    assert numbers(found[:1]) == [1]
    assert "Record 2 of the list" in found[1].message


def test_the_digest_tells_inputs_apart(tmp_path):
    one = written(tmp_path, "1.jsonl", lines(1))
    same = written(tmp_path, "same.jsonl", lines(1))
    other = written(tmp_path, "2.jsonl", lines(2))
    before = Stream(tmp_path).digest()

    assert Stream(one).digest() == Stream(same).digest() != Stream(other).digest()
    written(tmp_path, "3.jsonl", lines(1))
    assert Stream(tmp_path).digest() != before


def test_the_shared_older_formats_are_read_without_loss(shared_data):
    found = read(shared_data / "ctgov_older_formats")

    assert len(found) == 17 + 40 + 40
    assert all(isinstance(item, Found) for item in found)
