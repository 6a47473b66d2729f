"""What stands between this machine and Kore.ai: proxies and certificates that the environment names."""

import os
import re
from urllib.parse import urlsplit

from requests.exceptions import InvalidSchema, InvalidURL, ReadTimeout, SSLError
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import ProtocolError

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import named

TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[ \w-]{0,60})")
PROXY = "proxy.example.com:3128"


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
    return (
        f"The proxy {proxy_for(url) or 'on the way'} asks for a user name and a password (407). Write them into the "
        f"variable, as in user:password@{PROXY}."
    )


def connection_fault(error: Exception, url: str) -> Fault:
    """The fault of a connection that failed; its `about` is None where no further try would mend it."""
    host, proxy, text = urlsplit(url).netloc, proxy_for(url), str(error)
    if isinstance(error, SSLError):
        is_distrusted, against = "CERTIFICATE_VERIFY_FAILED" in text, f" against {_bundle()}" if _bundle() else ""
        what = f"No secure connection to {host}{': its certificate is not trusted here' if is_distrusted else ''}."
        what += f" Check {named('host')} and the server's certificate{against}."
        return Fault(what, about=None if is_distrusted else "host")
    if isinstance(error, ReadTimeout):
        return Fault(f"{host} did not answer in time.", about="fault")
    if isinstance(next(iter(error.args), None), ProtocolError):
        return Fault(f"{host} broke off the connection before it answered.", about="fault")
    if proxy is None:
        what = f"The connector cannot reach {host}. Check {named('host')}, and that this machine may connect to it."
        return Fault(what, about="host")
    if "Missing dependencies for SOCKS" in text:
        return Fault(
            f"The proxy {proxy} is a SOCKS proxy, for which the Python package PySocks is missing where the connector "
            "runs. Name an HTTP proxy, or install PySocks there."
        )
    if isinstance(error, InvalidURL | InvalidSchema):
        return Fault(f"The proxy {proxy} cannot be used: its address must look like {PROXY}.")
    tunnel = TUNNEL.search(text)
    if tunnel and tunnel[1].startswith("407"):
        return Fault(password_wanted(url))
    what = f"The connector cannot reach {host} through the proxy {proxy}"
    what += f", which answers {tunnel[1].strip()}." if tunnel else "."
    return Fault(f"{what} Check the proxy and {named('host')}.", about="host")


def no_certificates(error: OSError) -> str:
    """The sentence for an OSError that `requests` lets through: it does so for certificates that are not there."""
    if _bundle() is None:
        return f"The connection cannot be opened: {error.strerror or type(error).__name__}."
    return f"The environment variable {_bundle()} names no file of certificates that can be read. Correct or remove it."


def _bundle() -> str | None:
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((f"{name}={os.environ[name]}" for name in names if os.environ.get(name)), None)
