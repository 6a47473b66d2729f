"""The bytes of an answer, and what they begin with."""

import gzip
import zlib

import requests

GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"


def body_of(response: requests.Response) -> bytes:
    """The body, unpacked where it is gzip although no header says so; as it came where that fails."""
    content = response.content
    if content.startswith(GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            pass
    return content


def begins_with(response: requests.Response, *starts: bytes) -> bool:
    """Whether one of these is the first byte that is no blank."""
    return body_of(response).lstrip(BLANK)[:1] in starts
