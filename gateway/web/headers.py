"""The headers that every page and file of the gateway carries."""

from __future__ import annotations

from typing import Final

# A file has nothing to load when it is opened by itself.
FILE_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


def page_policy(*, styles: str = "'self'") -> str:
    """The content security policy of a page: all that it loads comes from the gateway, and no script is inline.

    `data:` holds the fonts and pictures inside style sheets; 'self' covers ws: and wss: on the page's own host (CSP 3).
    """
    return (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def security_headers(policy: str) -> dict[str, str]:
    """The web's usual guards around `policy`, a content security policy; names in lower case."""
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
