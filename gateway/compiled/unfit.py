"""The way out of compiled code."""

from __future__ import annotations


class Unfit(Exception):
    """A value that compiled code does not vouch for: graphql-core completes it, with all that it says about errors.

    Any other exception that leaves compiled code means the same; this one is raised where nothing is wrong.
    """
