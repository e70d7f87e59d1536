import pytest

from batchcancel.settings import quantities

KEY = "sk_live_0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "https://api.huskyvoice.ai/v1",
        "https://api.huskyvoice.ai:8443/v1",
        "https://192.0.2.7/proxy/v1",
        "http://localhost:4010/v1",
        "http://127.0.0.1/v1",
        "http://[::1]:4010/v1",
    ],
)
def test_an_address_is_https_or_on_this_machine(text):
    assert text == quantities.base_url(text)


def test_a_slash_at_the_end_of_an_address_is_dropped():
    assert quantities.base_url("https://h.example/v1/") == "https://h.example/v1"


@pytest.mark.parametrize(
    "text",
    ["", "api.huskyvoice.ai/v1", "http://api.huskyvoice.ai/v1", "http://localhost.example/v1",
     "http://127.0.0.1.example/v1", "http://10.0.0.1/v1", "ftp://localhost/v1", "https:///v1",
     "https://h.example:99999/v1", "https://h.example:port/v1", "https://[::1/v1", "file:///v1"],
)  # fmt: skip
def test_plain_http_to_elsewhere_and_what_is_no_address_are_refused(text):
    with pytest.raises(ValueError, match="write an https address"):
        quantities.base_url(text)


@pytest.mark.parametrize("rest", ["/v1?page=1", "/v1#top", "/v1?#x"])
def test_a_query_or_a_fragment_is_refused(rest):
    with pytest.raises(ValueError, match="no user, query or fragment"):
        quantities.base_url(f"https://h.example{rest}")


@pytest.mark.parametrize("user", ["me", "me:secret", ":", ""])
def test_a_user_in_an_address_is_refused_without_being_repeated(user):
    with pytest.raises(ValueError, match="no user, query or fragment") as refused:
        quantities.base_url(f"https://{user}@h.example/v1")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["/v 1", "/v1/../v2", "/%76%31", "/vé1", "/v1;a", "/v1\\x"])
def test_a_path_that_would_be_sent_otherwise_is_refused(path):
    with pytest.raises(ValueError, match="address"):
        quantities.base_url(f"https://h.example{path}")


@pytest.mark.parametrize(
    "text", [" https://h.example/v1", "https://h.example/v1\n", "https://h.ex\tample/v1"]
)
def test_white_space_around_or_in_an_address_is_refused(text):
    with pytest.raises(ValueError, match="address"):
        quantities.base_url(text)


@pytest.mark.parametrize("host", ["exa mple", "h\\x", "a,b", "h;x", "<h>"])
def test_a_host_with_characters_that_no_host_has_is_refused(host):
    with pytest.raises(ValueError, match="address"):
        quantities.base_url(f"https://{host}/v1")


def test_a_dot_as_a_step_of_the_path_is_refused():
    with pytest.raises(ValueError, match="address"):
        quantities.base_url("https://h.example/./v1")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.HuskyVoice.ai/v1", "https://api.huskyvoice.ai"),
        ("HTTPS://h.example/v1", "https://h.example"),
        ("http://localhost:4010/v1", "http://localhost:4010"),
    ],
)
def test_an_origin_is_scheme_host_and_port_in_lower_case(url, origin):
    assert origin == quantities.origin(url)


def test_the_usual_port_makes_no_other_origin():
    assert quantities.origin("https://h.example/v1") == quantities.origin(
        "https://h.example:443/v1"
    )


def test_a_key_that_is_not_there_is_called_empty():
    with pytest.raises(ValueError, match="the key is empty"):
        quantities.api_key("")


def test_a_key_is_printable_ascii():
    assert quantities.api_key(KEY) == KEY


@pytest.mark.parametrize(
    "text", [f"{KEY}\n", f"{KEY}\r\nX-Other: 1", f"{KEY} ", f"{KEY}é", f"{KEY}\0", KEY * 40]
)
def test_a_key_that_cannot_travel_in_a_header_is_refused_and_never_repeated(text):
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        quantities.api_key(text)

    assert KEY not in str(refused.value)
