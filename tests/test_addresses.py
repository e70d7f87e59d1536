import pytest

from batchcancel.addresses import (
    SCHEMES,
    is_parameters,
    is_postgres,
    redacted_ledger,
    redacted_manifest,
    redacted_text,
    redacted_word,
    source_of,
)
from batchcancel.errors import InputError
from batchcancel.ledger.open import is_there

SIGNED = "https://store.example/c/monday.csv?X-Amz-Signature=canary&X-Amz-Credential=A%2FB"


@pytest.mark.parametrize("path", ["closure.csv", "/data/a b.csv", "-", "a?b.csv", "a#b", "s3:/x"])
def test_what_has_no_scheme_is_a_path_as_it_stands(path):
    source = source_of(path)
    assert (False, path, path) == (source.is_remote, source.reveal(), str(source))


def test_only_a_lone_dash_is_stdin():
    assert source_of("-").is_stdin
    assert not any(source_of(text).is_stdin for text in ("--", "./-", "s3://-/-"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_address_in_a_known_store_is_far_away_and_comes_back_as_typed(scheme):
    address = f"{scheme}://closures/2026/monday.csv"
    source = source_of(address)

    assert (True, scheme) == (source.is_remote, source.scheme)
    assert address == source.reveal() == str(source)


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("s3://closures/2026/monday.csv?versionId=a.b", "monday"),
        (SIGNED, "monday"),
        ("https://store.example/closed%20day.parquet", "closed day"),
        ("gs://closures/monday", "monday"),
        ("s3://closures", ""),
        ("s3://closures/", ""),
        ("s3://closures/monday/", ""),
        ("https://store.example/?f=x.csv", ""),
        ("/data/monday.tar.gz", "monday.tar"),
        ("/data/monday.csv.gz", "monday"),
    ],
)
def test_the_stem_is_that_of_the_file_and_nothing_of_the_query(text, stem):
    assert stem == source_of(text).stem


def test_a_query_that_may_be_a_signature_shows_nowhere_and_is_kept_as_typed():
    source = source_of(SIGNED)

    assert SIGNED == source.reveal()
    assert "https://store.example/c/monday.csv?***" == str(source)
    assert "canary" not in repr(source)


def test_the_version_of_an_object_is_no_secret_and_shows():
    address = "s3://closures/monday.csv?versionId=abc"
    assert address == str(source_of(address))


@pytest.mark.parametrize(
    "text",
    ["file:///etc/passwd", "local://x", "memory://x", "simplecache::s3://b/x.csv", "S3://b/x",
     "filecache::https://h/x", "ftp://h/x", "github://o:r@/x", "://x", "data://x", "abfs://b/x"],
)  # fmt: skip
def test_no_other_scheme_is_taken_and_the_known_ones_are_named(text):
    with pytest.raises(ValueError, match="s3://, gs://, az://, https://"):
        source_of(text)


def test_plain_http_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="changed on its way; use https://"):
        source_of("http://localhost/x.csv")


@pytest.mark.parametrize(
    "text",
    ["https://anna:canary@h/x.csv", "https://canary@h/x.csv", "s3://k:canary@b/x", "s3:///canary",
     "https://h/x canary.csv", "https://h/x.csv#canary", "https://h/\x1b[canary", "https:///canary",
     "s3://b/x?canary", "s3://b/x?versionId=", "gs://b/x?versionId=canary", "az://b/x?sig=canary",
     "https://h/cänary"],
)  # fmt: skip
def test_an_address_that_is_not_understood_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match="address") as refused:
        source_of(text)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (SIGNED, "https://store.example/c/monday.csv?***"),
        ("https://anna:canary@h/x.csv", "https://***"),
        ("https://api.example/v1", "https://api.example/v1"),
        ("--yes", "--yes"),
    ],
)
def test_a_word_of_the_command_line_is_shown_without_a_signature(word, told):
    assert told == redacted_manifest(word)


SECRET = "s3cret"


@pytest.mark.parametrize("address", ["closure.ledger.db", "/srv/x y.db", "postgres.db", "pg:5432"])
def test_a_path_is_shown_as_it_is(address):
    assert not is_postgres(address)
    assert address == redacted_ledger(address)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgres://u@h:5432/db", "postgres://u@h:5432/db"),
        (f"postgresql://u:{SECRET}@h:5432/db", "postgresql://u@h:5432/db"),
        (f"postgresql://u:{SECRET}:{SECRET}@h/db", "postgresql://u@h/db"),
        (f"postgresql://:{SECRET}@h/db", "postgresql://@h/db"),
        (f"postgresql://u:{SECRET}@h1:1,h2:2/db?sslmode=require", "postgresql://u@h1:1,h2:2/db?sslmode=require"),
        (f"postgresql://u:{SECRET}@[::1]:5432/db", "postgresql://u@[::1]:5432/db"),
        (f"postgresql:///db?host=/tmp&password={SECRET}", "postgresql:///db?host=/tmp"),
        (f"postgresql://h/db?p%61ssword={SECRET}&user=u", "postgresql://h/db?user=u"),
        (f"postgresql://h/db?sslpassword={SECRET}&passfile=/k", "postgresql://h/db?passfile=/k"),
        (f"postgresql://h/db?oauth_client_secret={SECRET}", "postgresql://h/db"),
        (f"postgresql://h/db?scram_client_key={SECRET}", "postgresql://h/db"),
        (f"postgresql://h/db?{SECRET}", "postgresql://h/db"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_password(url, told):
    assert is_postgres(url)
    assert told == redacted_ledger(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}/x@h/db",
        f"postgresql://u:a?{SECRET}@h/db",
        f"postgresql://u:a#{SECRET}@h/db",
        f"postgresql://u:a@{SECRET}@h/db",
        f"postgresql://h/db?x=a@{SECRET}",
        f"postgresql://h/db#{SECRET}",
    ],
)
def test_what_is_no_well_formed_url_shows_nothing_of_itself(url):
    assert "postgresql://..." == redacted_ledger(url)


def test_a_word_of_a_command_is_shown_whole():
    word = f"--ledger=postgresql://u:{SECRET} x@h/db"
    assert "--ledger=postgresql://u@h/db" == redacted_word(word)


def test_a_text_is_shown_without_any_password():
    text = f"there is no manifest at 'postgresql://u:{SECRET}'@h/db?password={SECRET}') and more"
    assert "there is no manifest at 'postgresql://u@h/db and more" == redacted_text(text)


PARAMETERS = [
    f"host=db password={SECRET}",
    f"password='{SECRET} and {SECRET}' dbname=clinic",
    f"dbname = clinic  password = {SECRET}",
    f"Host=db;Username=u;Password={SECRET}",
    f"server=db;uid=u;pwd={SECRET}",
    f"service=clinic sslpassword={SECRET}",
    f"user=u password='{SECRET}",
    f"POSTGRESQL:host=db password={SECRET}",
]


@pytest.mark.parametrize("address", PARAMETERS)
def test_parameters_of_a_connection_are_no_path_and_show_no_password(address):
    assert is_parameters(address)
    shown = redacted_ledger(address), redacted_word(f"--ledger={address}"), redacted_text(address)
    assert SECRET not in "".join(shown)
    with pytest.raises(InputError, match="parameters of a connection") as refusal:
        is_there(address)
    assert "postgresql://" in refusal.value.hint


@pytest.mark.parametrize(
    "path",
    ["closure.ledger.db", "/srv/day=2026-06-01/a.db", "a=b.db", "import/report.db", "my host.db"],
)
def test_a_path_is_no_parameters(path):
    assert not is_parameters(path)


@pytest.mark.parametrize("scheme", ["jdbc:postgresql", "postgresql+psycopg", "mysql"])
def test_of_a_url_that_is_no_ledger_only_the_scheme_is_shown(scheme):
    address = f"{scheme}://u:{SECRET}@h/db?password={SECRET}"
    assert f"{scheme}://..." == redacted_ledger(address)
    with pytest.raises(InputError, match="no ledger this version can open"):
        is_there(address)
