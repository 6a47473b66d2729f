"""A proxy is named with the variable that names it, and without its password."""

import pytest
import requests

from source_kore_llm_logs.api.network import proxy_for, proxy_mistake, unreachable

URL = "https://platform.kore.ai/api"
VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", ["http://me:secret@proxy.example.com:3128", "me:secret@proxy.example.com:3128/"])
def test_a_proxy_is_named_by_address_and_variable(variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, proxy)
    assert proxy_for(URL) == f"proxy.example.com:3128 (environment variable {variable})"


def test_no_proxy_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(URL) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "kore.ai")
    assert proxy_for(URL) is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."), "PySocks"),
        (requests.exceptions.ProxyError("OSError('Tunnel connection failed: 407 Proxy Auth Required')"), "user name"),
        (requests.exceptions.InvalidProxyURL("Please check proxy URL."), "must look like"),
    ],
)
def test_what_is_wrong_with_a_proxy_is_told(fault: Exception, said: str) -> None:
    mistake = proxy_mistake(fault, "proxy.example.com:3128 (environment variable HTTPS_PROXY)")
    assert mistake is not None
    assert said in mistake
    assert "proxy.example.com:3128 (environment variable HTTPS_PROXY)" in mistake
    assert proxy_mistake(fault, None) is None


def test_a_proxy_that_refuses_is_told_with_its_status() -> None:
    fault = requests.exceptions.ProxyError("OSError('Tunnel connection failed: 403 Forbidden')")
    said = unreachable("platform.kore.ai", fault, "proxy.example.com:3128", "Host (`host`)")
    assert (
        "cannot reach platform.kore.ai through the proxy proxy.example.com:3128, which answers 403 Forbidden." in said
    )
    assert proxy_mistake(fault, "proxy.example.com:3128") is None
