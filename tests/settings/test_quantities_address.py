import pytest

from batchcancel.settings import quantities

KEY = "sk_live_0123456789"


@pytest.mark.parametrize(
    "text",
    ["https://api.huskyvoice.ai/v1", "https://api.huskyvoice.ai:8443/v1",
     "https://192.0.2.7/proxy/v1", "http://localhost:4010/v1", "http://127.0.0.1/v1",
     "http://[::1]:4010/v1"],
)  # fmt: skip
def test_an_address_is_https_or_on_this_machine_and_a_slash_at_its_end_is_dropped(text):
    assert text == quantities.base_url(text) == quantities.base_url(f"{text}/")


@pytest.mark.parametrize(
    "text",
    ["", "api.huskyvoice.ai/v1", "http://api.huskyvoice.ai/v1", "http://localhost.example/v1",
     "http://127.0.0.1.example/v1", "http://10.0.0.1/v1", "ftp://localhost/v1", "https:///v1",
     "https://h.example:99999/v1", "https://h.example:port/v1", "https://[::1/v1", "file:///v1"],
)  # fmt: skip
def test_plain_http_to_elsewhere_and_what_is_no_address_are_refused(text):
    with pytest.raises(ValueError, match="write an https address"):
        quantities.base_url(text)


@pytest.mark.parametrize(
    "rest", ["h.example/v1?page=1", "h.example/v1#top", "h.example/v1?#x",
             *(f"{user}@h.example/v1" for user in ("me", "me:secret", ":", ""))],
)  # fmt: skip
def test_a_user_a_query_or_a_fragment_is_refused_without_being_repeated(rest):
    with pytest.raises(ValueError, match="no user, query or fragment") as refused:
        quantities.base_url(f"https://{rest}")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["https://h.example/v 1", "https://h.example/v1/../v2", "https://h.example/%76%31",
     "https://h.example/vé1", "https://h.example/v1;a", "https://h.example/v1\\x",
     "https://h.example/./v1", " https://h.example/v1", "https://h.example/v1\n",
     "https://h.ex\tample/v1", *(f"https://{host}/v1" for host in ("exa mple", "h\\x", "a,b", "h;x",
                                                                   "<h>"))],
)  # fmt: skip
def test_what_would_be_sent_otherwise_than_it_is_written_is_refused(text):
    with pytest.raises(ValueError, match="address"):
        quantities.base_url(text)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.HuskyVoice.ai/v1", "https://api.huskyvoice.ai"),
        ("HTTPS://h.example/v1", "https://h.example"),
        ("http://localhost:4010/v1", "http://localhost:4010"),
        ("https://h.example:443/v1", "https://h.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port_in_lower_case(url, origin):
    assert origin == quantities.origin(url)


@pytest.mark.parametrize(
    "text", [f"{KEY}\n", f"{KEY}\r\nX-Other: 1", f"{KEY} ", f"{KEY}é", f"{KEY}\0", KEY * 40]
)
def test_a_key_is_printable_ascii_and_else_refused_and_never_repeated(text):
    assert KEY == quantities.api_key(KEY)
    with pytest.raises(ValueError, match="the key is empty"):
        quantities.api_key("")
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        quantities.api_key(text)

    assert KEY not in str(refused.value)
