"""The command line: what it refuses, in a sentence that names the option."""

import socket

import pytest

from dashboard import __main__ as command


def test_a_port_in_use_is_one_sentence_that_names_the_option(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = command.main(["--port", str(port), "--database", str(tmp_path / "x.duckdb")])
    assert status == 1
    error = capsys.readouterr().err
    assert error == f"Port {port} on 127.0.0.1 is in use; choose another with --port.\n"


def test_a_host_that_is_none_is_one_sentence_that_names_the_option():
    with pytest.raises(command.ListenError, match=r"--host not\.a\.host\.invalid"):
        command.listen("not.a.host.invalid", 8050)
    with pytest.raises(command.ListenError, match=r"--host 192\.0\.2\.1 cannot be listened on"):
        command.listen("192.0.2.1", 8050)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", ""])
def test_an_impossible_port_is_refused(port, capsys):
    with pytest.raises(SystemExit):
        command.main([f"--port={port}"])
    assert "allowed: 1 to 65535" in capsys.readouterr().err


def test_the_database_is_the_one_of_the_configuration_in_force(monkeypatch, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text(f"storage:\n  database: {tmp_path / 'mine.duckdb'}\n")
    monkeypatch.setenv("RECOLAB_CONFIG", str(config))
    served = []
    monkeypatch.setattr(command, "_serve", lambda _listener, database, _at: served.append(database))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    assert command.main(["--port", port]) == 0
    assert command.main(["--port", port, "--database", str(tmp_path / "other.duckdb")]) == 0
    assert [path.name for path in served] == ["mine.duckdb", "other.duckdb"]


def test_a_broken_configuration_is_a_sentence(monkeypatch, tmp_path, capsys):
    config = tmp_path / "broken.yaml"
    config.write_text("dato: {}\n")
    monkeypatch.setenv("RECOLAB_CONFIG", str(config))
    assert command.main([]) == 1
    assert "dato" in capsys.readouterr().err
