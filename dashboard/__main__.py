"""The command: ``python -m dashboard`` serves the results, or writes them into one file."""

import argparse
import errno
import logging
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from recolab_assets.config import ConfigError, load_config

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8050


class ListenError(Exception):
    """The address cannot be listened on; the message is a sentence that names the option."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the dashboard until it is interrupted, or write the report; return the exit status.

    Args:
        arguments: Command line without the program's name; by default that of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        database = (options.database or load_config().database_path).resolve()
        if options.export is not None:
            return _export(database, options.export)
        listener = listen(options.host, options.port)
    except (ConfigError, ListenError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    shown = "localhost" if options.host == DEFAULT_HOST else options.host
    with listener:
        _serve(listener, database, f"http://{shown}:{options.port}")
    return 0


def _export(database: Path, folder: Path) -> int:
    # Imported late, as in _serve.
    from dashboard.export import ReportError, write_report  # noqa: PLC0415

    try:
        path = write_report(database, folder)
    except ReportError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Open the address; who connects before the app is ready waits for it.

    Raises:
        ListenError: The port is taken or not allowed, or the host is not this computer's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except socket.gaierror as error:
        raise ListenError(f"--host {host} is not an address ({error.strerror}).") from error
    try:
        # A port that the last start has just left is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {port} on {host} is in use; choose another with --port."
        elif error.errno == errno.EACCES:
            reason = f"Port {port} may not be opened by this user; choose another with --port."
        else:
            reason = f"--host {host} cannot be listened on ({error.strerror})."
        raise ListenError(reason) from error
    return listener


def _serve(listener: socket.socket, database: Path, address: str) -> None:
    # Imported late: a wrong option is answered at once, without loading Plotly.
    from werkzeug.serving import make_server  # noqa: PLC0415

    from dashboard.app import create_app, open_store, warm_up  # noqa: PLC0415

    host, port = listener.getsockname()[:2]
    store = open_store(database)
    app = create_app(store)
    # A line for each request would bury the faults.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(host, port, app.server, threaded=True, fd=listener.fileno())
    # The explorer's libraries take seconds to load; nobody shall wait for them.
    threading.Thread(target=warm_up, args=[store], daemon=True).start()
    sys.stdout.write(f"RecoLab dashboard: {address} (reads {database})\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard", description="Serve the lab's results in the browser."
    )
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen on; by default only this computer can connect (%(default)s)",
    )
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port (%(default)s)")
    parser.add_argument(
        "--database",
        type=Path,
        help="the DuckDB file to read (the one that the configuration in force names)",
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write the whole report into DIR as one HTML file to mail, and serve nothing",
    )
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; allowed: 1 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
