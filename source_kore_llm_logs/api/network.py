"""What stands between this machine and Kore.ai: proxies and certificates that the environment names."""

import os
import re
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

from source_kore_llm_logs.manifest import named

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[ \w-]{0,60})")
PROXY = "http://proxy.example.com:3128"  # ignore-https-check: so a proxy is named, through which https goes
ADDRESS_MISTAKES = (
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
    address = proxy.split("://", 1)[-1].rsplit("@", 1)[-1].split("/", 1)[0]
    return f"{address} (environment variable {variables[0]})" if variables else f"{address} (settings of this system)"


def password_wanted(url: str) -> str:
    """The sentence for status 407."""
    example = PROXY.replace("://", "://user:password@")
    return (
        f"The proxy {proxy_for(url) or 'on the way'} asks for a user name and a password (407). Write them into the "
        f"variable, as in {example}."
    )


def mistake(fault: Exception, url: str) -> str | None:
    """The sentence for a fault of the connection that no further try would mend; None if it is of another kind."""
    text, proxy = str(fault), proxy_for(url)
    if isinstance(fault, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return f"No secure connection to {urlsplit(url).netloc}: its certificate is not trusted here. {check_tls()}"
    if proxy is None:
        return None
    if "Missing dependencies for SOCKS" in text:
        return (
            f"The proxy {proxy} is a SOCKS proxy, for which the Python package PySocks is missing where the connector "
            "runs. Name an HTTP proxy, or install PySocks there."
        )
    if isinstance(fault, ADDRESS_MISTAKES):
        return f"The proxy {proxy} cannot be used: its address must look like {PROXY}."
    return password_wanted(url) if "Tunnel connection failed: 407" in text else None


def unreachable(fault: Exception, url: str) -> str:
    """The sentence for a host to which no connection can be made."""
    host, proxy, tunnel = urlsplit(url).netloc, proxy_for(url), TUNNEL.search(str(fault))
    if proxy is None:
        return f"The connector cannot reach {host}. Check {named('host')}, and that this machine may connect to it."
    answer = f", which answers {tunnel[1].strip()}" if tunnel else ""
    return f"The connector cannot reach {host} through the proxy {proxy}{answer}. Check the proxy and {named('host')}."


def check_tls() -> str:
    """What to check where no secure connection can be made."""
    bundle = _bundle()
    return f"Check {named('host')} and the server's certificate" + (f" against {bundle}." if bundle else ".")


def no_certificates(error: OSError) -> str:
    """The sentence for an OSError that `requests` lets through: it does so for certificates that are not there."""
    bundle = _bundle()
    if bundle is None:
        return f"The connection cannot be opened: {error.strerror or type(error).__name__}."
    return f"The environment variable {bundle} names no file of certificates that can be read. Correct or remove it."


def _bundle() -> str | None:
    return next((f"{name}={os.environ[name]}" for name in BUNDLES if os.environ.get(name)), None)
