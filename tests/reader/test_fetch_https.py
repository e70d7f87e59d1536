import gzip

import pytest

from batchcancel.errors import InputError, StoppedEarly
from tests.certificates import self_signed
from tests.reader.shelf import Canned, serving_shelf

CONTENT = b"appointment_id\na1\n"
SIGNATURE = "X-Amz-Signature=canary%2F%20"


def test_a_page_comes_byte_for_byte_and_its_query_as_it_was_typed(shelf, copy):
    shelf.answers["/c/monday.csv"] = Canned(CONTENT)

    assert CONTENT == copy(f"{shelf.url}/c/monday.csv?{SIGNATURE}")
    assert [f"/c/monday.csv?{SIGNATURE}"] == shelf.asked


def test_the_keys_of_a_connection_are_not_written_down(shelf, copy, monkeypatch, tmp_path):
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    shelf.answers["/monday.csv"] = Canned(CONTENT)

    assert CONTENT == copy(f"{shelf.url}/monday.csv")
    assert "CLIENT" not in (log.read_text() if log.exists() else "")


def test_what_is_compressed_is_not_asked_for_and_not_unpacked(shelf, copy):
    packed = gzip.compress(CONTENT)
    shelf.answers["/monday.csv"] = Canned(packed, headers={"Content-Encoding": "gzip"})

    assert packed == copy(f"{shelf.url}/monday.csv")
    assert "identity" == shelf.headers[0]["Accept-Encoding"]


def test_a_redirect_that_stays_with_https_is_followed(shelf, copy):
    shelf.answers["/a.csv"] = Canned(status=302, headers={"Location": f"{shelf.url}/b.csv"})
    shelf.answers["/b.csv"] = Canned(CONTENT)

    assert CONTENT == copy(f"{shelf.url}/a.csv")


def test_a_redirect_away_from_https_is_refused_and_not_followed(shelf, plain_shelf, copy):
    plain_shelf.answers["/b.csv"] = Canned(CONTENT)
    away = {"Location": f"{plain_shelf.url}/b.csv?{SIGNATURE}"}
    shelf.answers["/a.csv"] = Canned(status=302, headers=away)
    with pytest.raises(InputError, match="leads away from https") as error:
        copy(f"{shelf.url}/a.csv")

    assert [] == plain_shelf.asked
    assert "canary" not in error.value.message + error.value.hint


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [(404, InputError, "there is no manifest at"), (401, InputError, "may not be read"),
     (403, InputError, "may not be read"),
     (410, InputError, "cannot be fetched: ClientResponseError"),
     (429, StoppedEarly, "does not answer"), (500, StoppedEarly, "does not answer"),
     (503, StoppedEarly, "does not answer")],
)  # fmt: skip
def test_each_refusal_is_told_in_a_sentence_without_the_signature(
    shelf, copy, status, kind, sentence
):
    shelf.answers["/monday.csv"] = Canned(b"canary", status=status)
    with pytest.raises(kind, match=sentence) as error:
        copy(f"{shelf.url}/monday.csv?{SIGNATURE}")

    assert f"{shelf.url}/monday.csv?***" in error.value.message
    assert "canary" not in error.value.message + error.value.hint


def test_a_download_that_is_cut_short_is_noticed(shelf, copy):
    shelf.answers["/monday.csv"] = Canned(CONTENT, announced=len(CONTENT) + 1)
    with pytest.raises(StoppedEarly, match="not to the end"):
        copy(f"{shelf.url}/monday.csv")


def test_a_server_that_nobody_vouches_for_is_refused(certificate, outside, copy):
    with serving_shelf(certificate) as shelf:
        with pytest.raises(InputError, match="certificate of its server is not valid"):
            copy(f"{shelf.url}/monday.csv")
        assert [] == shelf.asked


def test_a_certificate_for_another_address_is_refused(tmp_path, outside, copy):
    folder = self_signed(tmp_path, "DNS:elsewhere.example", days=1)
    outside(SSL_CERT_FILE=str(folder / "certificate.pem"))
    with serving_shelf(folder) as shelf:
        with pytest.raises(InputError, match="certificate of its server is not valid"):
            copy(f"{shelf.url}/monday.csv")
        assert [] == shelf.asked


def test_where_nobody_listens_it_can_be_tried_again(shelf, copy):
    address = f"{shelf.url}/monday.csv".replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(StoppedEarly, match="refuses the connection"):
        copy(address)


def test_what_does_not_speak_tls_and_a_name_nobody_knows_are_told_apart(plain_shelf, copy, outside):
    with pytest.raises(StoppedEarly, match="does not speak TLS"):
        copy(f"{plain_shelf.url}/monday.csv".replace("http:", "https:"))
    with pytest.raises(StoppedEarly, match="name of its host is not known"):
        copy("https://manifests.invalid/monday.csv")
