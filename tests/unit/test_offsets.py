"""Which offset may be committed, for any order of finishing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.broker.offsets import Offsets


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.sampled_from(["read", "finish", "commit"]))))
def test_never_past_what_is_unfinished_and_always_up_to_it(acts: list[tuple[str, int, str]]) -> None:
    """Against the plain statement: the records read in a row from the first on, as long as each is finished."""
    offsets: Offsets[str] = Offsets()
    read: dict[str, list[int]] = {"a": [], "b": []}
    finished: dict[str, set[int]] = {"a": set(), "b": set()}
    committed: dict[str, int] = {}
    for partition, number, act in acts:
        if act == "read":
            # a topic is read one after the other, with gaps where records were compacted away
            offset = (read[partition][-1] if read[partition] else 0) + 1 + number % 3
            read[partition].append(offset)
            offsets.read(partition, offset)
        elif act == "finish" and read[partition]:
            offset = read[partition][number % len(read[partition])]
            finished[partition].add(offset)
            offsets.finish(partition, offset)
        elif act == "commit":
            ready = offsets.ready()
            offsets.committed(ready)
            committed |= ready
        for name, known in (committed | offsets.ready()).items():
            done = 0
            while done < len(read[name]) and read[name][done] in finished[name]:
                done += 1
            assert done > 0
            assert known == read[name][done - 1] + 1 or name not in offsets.ready()
            assert known <= read[name][done - 1] + 1
    for name, row in read.items():
        if row and row[0] in finished[name]:
            assert name in committed | offsets.ready()


def test_finishing_again_or_something_never_read_changes_nothing() -> None:
    offsets: Offsets[str] = Offsets()
    offsets.finish("a", 5)
    assert offsets.ready() == {}
    offsets.read("a", 5)
    offsets.read("a", 6)
    offsets.finish("a", 5)
    offsets.finish("a", 5)
    offsets.finish("a", 7)
    assert offsets.ready() == {"a": 6}


def test_what_went_on_while_a_commit_was_under_way_is_committed_next() -> None:
    offsets: Offsets[str] = Offsets()
    for offset in (0, 1):
        offsets.read("a", offset)
    offsets.finish("a", 0)
    under_way = offsets.ready()
    offsets.finish("a", 1)
    offsets.committed(under_way)
    assert offsets.ready() == {"a": 2}
    offsets.committed({"a": 2})
    assert offsets.ready() == {}


def test_a_record_read_twice_before_it_is_finished_counts_once() -> None:
    offsets: Offsets[str] = Offsets()
    offsets.read("a", 3)
    offsets.read("a", 3)
    offsets.finish("a", 3)
    assert offsets.ready() == {"a": 4}


def test_a_topic_made_anew_begins_at_its_beginning() -> None:
    offsets: Offsets[str] = Offsets()
    offsets.read("a", 900)
    offsets.finish("a", 900)
    offsets.read("a", 0)
    offsets.finish("a", 0)
    assert offsets.ready() == {"a": 1}
