"""Where a ledger is, as it may be shown: whatever the URL, its password never."""

import pytest

from batchcancel.ledger_address import is_postgres, shown, without_passwords, word_shown

SECRET = "s3cret"


@pytest.mark.parametrize("address", ["closure.ledger.db", "/srv/x y.db", "postgres.db", "pg:5432"])
def test_a_path_is_shown_as_it_is(address):
    assert not is_postgres(address)
    assert address == shown(address)


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
    assert told == shown(url)


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
    assert "postgresql://..." == shown(url)


def test_a_word_of_a_command_is_shown_whole():
    word = f"--ledger=postgresql://u:{SECRET} x@h/db"
    assert "--ledger=postgresql://u@h/db" == word_shown(word)


def test_a_text_is_shown_without_any_password():
    text = f"there is no manifest at 'postgresql://u:{SECRET}'@h/db?password={SECRET}') and more"
    assert "there is no manifest at 'postgresql://u@h/db and more" == without_passwords(text)
