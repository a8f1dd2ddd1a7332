"""What libcurl tells of a transfer that is over, as an answer."""

from __future__ import annotations

import pycurl

from consumer.seg.answers import Answer, Cause, detail_of, is_web_page

ANSWER_BYTES = 64 * 1024
"""The most of an answer that is read; Seg's own are a few dozen bytes."""

_SUCCESS = range(200, 300)
_REFUSED_BY_PROXY = frozenset({403, 407})
_CAUSES = {
    pycurl.E_OPERATION_TIMEDOUT: Cause.TIMEOUT,
    pycurl.E_COULDNT_RESOLVE_HOST: Cause.DNS,
    pycurl.E_COULDNT_RESOLVE_PROXY: Cause.DNS,
    pycurl.E_COULDNT_CONNECT: Cause.REFUSED,
    pycurl.E_SSL_CONNECT_ERROR: Cause.TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Cause.TLS,
    pycurl.E_SSL_CACERT_BADFILE: Cause.TLS,
    pycurl.E_SEND_ERROR: Cause.RESET,
    pycurl.E_RECV_ERROR: Cause.RESET,
    pycurl.E_GOT_NOTHING: Cause.RESET,
    pycurl.E_PARTIAL_FILE: Cause.RESET,
}
_new = tuple.__new__  # half the time of a named tuple's own, and one is made for each request


def answer_of(curl: pycurl.Curl, body: list[bytes], seconds: float) -> Answer:
    """Return the answer that *curl* has read, with *body*, *seconds* after it was asked for."""
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    if status in _SUCCESS:
        if body and body[0][:1] != b"{" and is_web_page(body[0]):
            detail = f"Seg answered {status} with a web page: is the endpoint Seg's?"
            return Answer(status, detail, None, seconds, Cause.WEB_PAGE)
        return _new(Answer, (status, "", None, seconds, None, 0))
    retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER))
    detail = detail_of(status, b"".join(body)[:ANSWER_BYTES])
    return Answer(status, detail, retry_after_s or None, seconds)


def failure_of(
    curl: pycurl.Curl, body: list[bytes], seconds: float, number: int, text: str
) -> Answer:
    """Return what it means that *curl* has failed: libcurl says *number* and *text*."""
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    if number == pycurl.E_FILESIZE_EXCEEDED or status in _SUCCESS:
        # Too much of an answer, or its body cut short: the status counts, and that had come.
        return answer_of(curl, body, seconds)
    connect_status = int(curl.getinfo(pycurl.HTTP_CONNECTCODE))
    if connect_status and connect_status not in _SUCCESS:
        detail = f"the proxy answered {connect_status} to CONNECT"
        status_or_none = connect_status if connect_status in _REFUSED_BY_PROXY else None
        return Answer(status_or_none, detail, None, seconds, Cause.PROXY)
    detail = f"no answer: {text} (libcurl error {number})"
    return Answer(None, detail, None, seconds, _CAUSES.get(number, Cause.OTHER))
