"""Which hosts are this machine: a token may go there without TLS, and no proxy stands between."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
