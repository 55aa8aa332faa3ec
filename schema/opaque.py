"""Text that clients hand back as it was given, and are not to read: global ids and cursors."""

from __future__ import annotations

import base64
import binascii


def seal(text: str) -> str:
    """Safe in addresses: base64 without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unseal(sealed: str) -> str | None:
    """What was sealed; None for what `seal` never made."""
    try:
        padded = sealed.encode("ascii") + b"=" * (-len(sealed) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        return None
    return text if seal(text) == sealed else None
