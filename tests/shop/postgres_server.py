"""A throw-away server of PostgreSQL on a free port of this computer."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "geheim-4711"
_PLACES = [*Path("/usr/lib/postgresql").glob("*/bin"), Path(shutil.which("postgres") or "").parent]
_PROGRAMS = next((place for place in _PLACES if (place / "initdb").exists()), None)

NEEDS_POSTGRES = pytest.mark.skipif(
    _PROGRAMS is None and os.environ.get("CI") != "true",
    reason="no server of PostgreSQL is installed: apt-get install postgresql",
)


@dataclass(frozen=True)
class Server:
    """A running server, whose superuser postgres has the password above on TCP."""

    folder: Path
    port: int

    def address(self, table: str, *, database: str = "shop", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{table}"

    def run(self, sql: str, database: str = "shop") -> str:
        """What psql prints for statements."""
        command = [_program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]
        command += ["-h", str(self.folder), "-p", str(self.port), "-d", database]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _program(name: str) -> str:
    assert _PROGRAMS is not None, "no server of PostgreSQL is installed"
    return str(_PROGRAMS / name)


@contextmanager
def running_server() -> Iterator[Server]:
    # PostgreSQL refuses to run as root, and its own user cannot enter pytest's folders.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="recolab-postgres-"))
    process = None
    try:
        (folder / "password").write_text(PASSWORD)
        if user:
            owner = pwd.getpwnam(user)
            for path in (folder, folder / "password"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data = str(folder / "data")
        subprocess.run(
            [_program("initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N",
             "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [_program("postgres"), "-D", data, "-k", str(folder), "-p", str(port),
                 "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
                user=user, cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
        ready = [_program("pg_isready"), "-q", "-h", str(folder), "-p", str(port)]
        until = time.monotonic() + 30
        while subprocess.run(ready, check=False).returncode:
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        yield Server(folder, port)
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # without waiting for clients
            process.wait(timeout=30)
        shutil.rmtree(folder)
