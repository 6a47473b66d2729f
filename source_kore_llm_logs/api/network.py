"""What stands between this machine and Kore.ai: proxies and certificates that the environment names."""

import os
import re
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[ \w-]{0,60})")
PROXY = "http://proxy.example.com:3128"  # ignore-https-check: so a proxy is named, through which https goes
PROXY_MISTAKES = (
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


def proxy_for(url: str) -> str | None:
    """The proxy that a request to this URL takes: its address without a password, and the variable that names it."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    names = {f"{urlsplit(url).scheme}_proxy", "all_proxy"}
    variables = [name for name, value in os.environ.items() if name.lower() in names and value.strip() == proxy]
    origin = f"environment variable {variables[0]}" if variables else "from the settings of this system"
    return f"{_address(proxy)} ({origin})"


def _address(proxy: str) -> str:
    return _shown(proxy.split("://", 1)[-1].rsplit("@", 1)[-1].split("/", 1)[0])


def _shown(value: str) -> str:
    """A variable's value as text: bytes that are no UTF-8 would be halves of surrogate pairs."""
    return value.encode(errors="backslashreplace").decode()


def proxy_refuses(proxy: str | None) -> str:
    """The sentence for status 407."""
    return (
        f"The proxy {proxy or 'on the way'} asks for a user name and a password (407). Write them into the variable, "
        f"as in {PROXY.replace('://', '://user:password@')}."
    )


def proxy_mistake(fault: Exception | None, proxy: str | None) -> str | None:
    """The sentence for a proxy that no further try would mend; None if the fault is of another kind."""
    if proxy is None or fault is None:
        return None
    if "Missing dependencies for SOCKS" in str(fault):
        return (
            f"The proxy {proxy} is a SOCKS proxy, for which the Python package PySocks is missing where the connector "
            "runs. Name an HTTP proxy, or install PySocks there."
        )
    if isinstance(fault, PROXY_MISTAKES):
        return f"The proxy {proxy} cannot be used: its address must look like {PROXY}."
    tunnel = TUNNEL.search(str(fault))
    return proxy_refuses(proxy) if tunnel and tunnel[1].startswith("407") else None


def unreachable(host: str, fault: Exception | None, proxy: str | None, host_field: str) -> str:
    """The sentence for a host to which no connection can be made."""
    if proxy is None:
        return f"The connector cannot reach {host}. Check {host_field}, and that this machine may connect to it."
    tunnel = TUNNEL.search(str(fault))
    said = f", which answers {tunnel[1].strip()}" if tunnel else ""
    return f"The connector cannot reach {host} through the proxy {proxy}{said}. Check the proxy and {host_field}."


def bundle() -> str | None:
    """The certificates that the environment names, as `variable=path`."""
    return next((f"{name}={_shown(os.environ[name])}" for name in BUNDLES if os.environ.get(name)), None)


def without_a_file(error: OSError) -> str:
    """The sentence for an OSError that `requests` lets through: it does so for certificates that are not there."""
    named = bundle()
    if named is None:
        return f"The connection cannot be opened: {error.strerror or type(error).__name__}."
    return f"The environment variable {named} names no file of certificates that can be read. Correct or remove it."
