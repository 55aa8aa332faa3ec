"""`batch-gateway serve`: the gateway with the accounts of a configuration."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from typing import Any, Final

from gateway import server
from gateway.app import create_app, served
from gateway.cli.configuration import add_config, load, read
from gateway.cli.console import complain
from gateway.cli.exits import Exit
from gateway.cli.ports import port
from gateway.cli.reloading import Reloading
from gateway.observe.logs import log_to_stderr
from gateway.observe.tracing import TracingError, tracing_of
from gateway.settings import Settings

_log: Final = logging.getLogger(__name__)


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser("serve", help="serve the accounts of a configuration")
    add_config(parser)
    parser.add_argument("--host", help="address to listen on, over the configuration's")
    parser.add_argument("--port", type=port, help="port to listen on, over the configuration's")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    given = {"host": arguments.host, "port": arguments.port}
    overrides = {"server": {key: value for key, value in given.items() if value is not None}}
    settings = load(arguments.config, overrides)
    if settings is None:
        return Exit.USAGE
    log_to_stderr(settings.log)
    try:
        tracing = tracing_of(os.environ)
        listener = server.listen(settings.server.host, settings.server.port)
    except (server.AddressError, TracingError) as error:
        complain(str(error))
        return Exit.USAGE
    app = create_app(settings, tracing=tracing)
    reloading = Reloading(app, settings, lambda: read(arguments.config, overrides))
    service = replace(served(app, listener, settings), reload=reloading)
    return server.run(server.serve([service], lambda: _tell_ready(service, settings)))


def _tell_ready(service: server.Served, settings: Settings) -> None:
    _log.info("gateway.ready: batch-gateway answers on %s%s/graphql", service.address, settings.server.root_path)
    if settings.asks_for_tokens:
        ways = [f"{len(settings.clients)} with tokens"] if settings.clients else []
        ways += ["those of the issuer in auth.jwt"] if settings.auth.jwt is not None else []
        _log.info("access.clients: clients are let in: %s", ", and ".join(ways))
    elif settings.server.is_local:
        _log.info("access.local: no clients are configured: only this machine is let in")
    else:
        _log.warning(
            "access.everyone: no clients are configured: everyone who can reach this address sees every account"
        )
    if not settings.accounts:
        _log.warning("accounts.none: no accounts are configured: every question will be answered UNKNOWN_ACCOUNT")
