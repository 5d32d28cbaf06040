"""The store: sentences in place of faults, short connections, and what it remembers."""

import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from dashboard import queries
from dashboard import store as store_module
from dashboard.store import Query, Store, Unavailable
from recolab_assets.storage import Database

HOLD = """
    import sys, time, duckdb
    connection = duckdb.connect(sys.argv[1])
    connection.begin()
    connection.execute("DELETE FROM experiments.truth")
    print("held", flush=True)
    sys.stdin.readline()
    connection.commit()
    connection.close()
"""

REWRITE = """
    import sys, time
    from pathlib import Path
    from recolab_assets.storage import Database
    database = Database(Path(sys.argv[1]))
    for _ in range(20):
        started = time.monotonic()
        with database.write() as connection:
            print(time.monotonic() - started)
            connection.execute("CREATE OR REPLACE TABLE experiments.truth AS"
                               " FROM experiments.truth")
            time.sleep(0.02)
        time.sleep(0.05)
"""


@pytest.fixture
def hold():
    """Return a function that lets another process write to a file until its answer is called."""
    writers = []

    def start(path):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        writers.append(writer)
        assert writer.stdout.readline() == "held\n"

        def release():
            writer.communicate("\n", timeout=20)

        return release

    yield start
    for writer in writers:
        writer.kill()
        writer.communicate()


def test_rows_come_in_the_order_in_which_they_were_written(lab):
    rows = Store(lab).ask(queries.AB_REPORT).rows
    assert list(rows["model"]) == ["popularity", "als", "hybrid"]


def test_a_missing_file_says_what_to_run_and_is_not_created(tmp_path):
    path = tmp_path / "none.duckdb"
    with pytest.raises(Unavailable, match=r"none\.duckdb does not exist") as raised:
        Store(path).ask(queries.TRUTH)
    assert raised.value.reason == "missing_file"
    assert "dagster asset materialize" in raised.value.command
    assert not path.exists()


def test_a_missing_table_is_named_and_so_is_what_to_run(write, results):
    del results["truth"]
    with pytest.raises(Unavailable, match=r"experiments\.truth") as raised:
        Store(write(results)).ask(queries.TRUTH)
    assert raised.value.reason == "missing_table"
    assert "dagster asset materialize" in raised.value.command


def test_a_file_of_another_kind_is_a_sentence(tmp_path):
    path = tmp_path / "text.duckdb"
    path.write_text("no database " * 1_000)
    with pytest.raises(Unavailable, match="is not a DuckDB database") as raised:
        Store(path).ask(queries.TRUTH)
    assert raised.value.reason == "not_a_database"


def test_a_table_that_lacks_a_column_is_of_another_version(tmp_path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA experiments; CREATE TABLE experiments.truth (model TEXT)")
    with pytest.raises(Unavailable, match="another version") as raised:
        Store(path).ask(queries.TRUTH)
    assert raised.value.reason == "other_version"


def test_while_a_run_writes_the_last_answer_is_given_and_said_to_be_behind(write, results, hold):
    path = write(results)
    store = Store(path, lock_timeout_seconds=0.05)
    before = store.ask(queries.TRUTH)
    release = hold(path)
    path.touch()  # As a checkpoint of the run would.
    during = store.ask(queries.TRUTH)
    assert during.behind
    assert during.read_at == before.read_at
    assert during.rows.equals(before.rows)
    release()
    after = store.ask(queries.TRUTH)
    assert not after.behind
    assert after.rows.empty


def test_while_a_run_writes_a_new_question_is_told_to_wait(write, results, hold):
    path = write(results)
    hold(path)
    with pytest.raises(Unavailable, match="A run is writing") as raised:
        Store(path, lock_timeout_seconds=0.05).ask(queries.TRUTH)
    assert raised.value.reason == "busy"


def test_an_unchanged_file_is_not_opened_again(lab, monkeypatch):
    store = Store(lab)
    first = store.ask(queries.TRUTH)
    monkeypatch.setattr(Database, "read", lambda _self: pytest.fail("opened"))
    assert store.ask(queries.TRUTH) is first


def test_a_new_run_is_read(write, results):
    path = write(results)
    store = Store(path)
    assert len(store.ask(queries.TRUTH).rows) == 4
    write({"truth": results["truth"][:1]})
    assert len(store.ask(queries.TRUTH).rows) == 1


def test_no_connection_stays_open_that_would_keep_a_run_from_writing(write, results):
    path = write(results)
    store = Store(path)
    store.ask(queries.TRUTH)
    store.status()
    opened = subprocess.run(
        [sys.executable, "-c", f"import duckdb; duckdb.connect({str(path)!r}).close()"],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert opened.returncode == 0, opened.stderr


def test_values_are_bound_and_never_become_sql(lab):
    query = Query(
        "SELECT value FROM experiments.truth WHERE model = ?",
        ("experiments.truth",),
        ("als' OR 1 = 1; --",),
    )
    assert Store(lab).ask(query).rows.empty


def test_standing_questions_are_answered_during_a_run_though_nobody_had_asked(own_lab, hold):
    path = own_lab
    store = Store(path, lock_timeout_seconds=0.05, standing=queries.STANDING)
    store.status()
    hold(path)
    path.touch()
    assert all(store.ask(query).behind for query in queries.STANDING)


def test_standing_questions_that_have_no_table_yet_do_no_harm(write):
    store = Store(write({"users": []}), standing=queries.STANDING)
    assert store.status().state == "ready"


def test_the_memory_is_bounded(lab, monkeypatch):
    monkeypatch.setattr(store_module, "ANSWERS_KEPT", 3)
    store = Store(lab)
    for number in range(6):
        store.ask(Query("SELECT ? AS n", (), (number,)))
    assert [query.params for query in store._answers] == [(3,), (4,), (5,)]


def test_many_threads_get_the_same_rows(lab):
    store = Store(lab)
    with ThreadPoolExecutor(8) as pool:
        lengths = list(pool.map(lambda _: len(store.ask(queries.OFFLINE_METRICS).rows), range(40)))
    assert set(lengths) == {18}


def test_status_follows_a_run_and_changes_its_revision_only_once_it_is_done(
    write, results, hold, monkeypatch
):
    monkeypatch.setattr(store_module, "STATUS_LASTS_SECONDS", 0)
    path = write(results)
    store = Store(path, lock_timeout_seconds=0.05)
    ready = store.status()
    release = hold(path)
    path.touch()
    busy = store.status()
    release()
    done = store.status()
    assert (ready.state, busy.state, done.state) == ("ready", "busy", "ready")
    assert busy.revision == ready.revision != done.revision


def test_status_of_a_missing_file_changes_when_it_appears(write, results, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "STATUS_LASTS_SECONDS", 0)
    store = Store(tmp_path / "lab.duckdb")
    missing = store.status()
    write(results)
    assert missing.state == "unavailable"
    assert store.status().revision != missing.revision


def test_status_is_looked_up_once_for_many_who_ask(lab, monkeypatch):
    store = Store(lab)
    store.status()
    monkeypatch.setattr(Database, "read", lambda _self: pytest.fail("opened"))
    started = time.monotonic()
    while time.monotonic() < started + 0.05:
        assert store.status().state == "ready"


def test_a_page_of_many_questions_waits_for_a_run_once(own_lab, hold):
    path = own_lab
    store = Store(path, lock_timeout_seconds=0.6, standing=queries.STANDING)
    store.status()
    hold(path)
    path.touch()
    started = time.monotonic()
    answers = [store.ask(query) for query in queries.STANDING]
    assert all(answer.behind for answer in answers)
    # With each of them it would be half a minute.
    assert time.monotonic() - started < 3


def test_a_run_that_keeps_writing_beside_twenty_readers_neither_fails_nor_waits(own_lab):
    path = own_lab
    store = Store(path, standing=queries.STANDING)
    store.status()
    done = threading.Event()

    def read():
        asked = 0
        while not done.is_set():
            for query in queries.STANDING:
                assert not store.ask(query).rows.empty
                asked += 1
            store.status()
            time.sleep(0.02)  # As somebody who clicks without a rest; a thread that spins is none.
        return asked

    with ThreadPoolExecutor(20) as pool:
        readers = [pool.submit(read) for _ in range(20)]
        try:
            written = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(REWRITE), str(path)],
                capture_output=True,
                check=False,
                text=True,
                timeout=120,
            )
        finally:
            done.set()
        assert all(reader.result() > 0 for reader in readers)
    assert written.returncode == 0, written.stderr
    waits = [float(seconds) for seconds in written.stdout.split()]
    assert len(waits) == 20
    assert max(waits) < 5


def test_a_file_that_is_cut_off_is_a_sentence(write, results):
    path = write({**results, "truth": results["truth"] * 20_000})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unavailable, match=r"lab\.duckdb"):
        Store(path).ask(queries.TRUTH)


def test_a_folder_in_place_of_the_file_is_a_sentence(tmp_path):
    folder = tmp_path / "lab.duckdb"
    folder.mkdir()
    with pytest.raises(Unavailable, match=r"lab\.duckdb"):
        Store(folder).ask(queries.TRUTH)
