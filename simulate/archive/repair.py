"""Make good what `verify` finds: the shards concerned are computed again, and compared with what they were."""

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...files.checksums import SUMS, add_sums, read_sums, remove_sums, sha256
from ...files.paths import usable
from ...files.whole import remove_scratch, whole
from ...locking import locked
from ...progress import bar
from . import writing
from .arithmetic import difference
from .begun_in import where_begun
from .description import ARCHIVE, CONFIG, Shard, copy_of, load
from .label_file import ECSV
from .ledger import ACCEPTED, Entry, path_of, text_of, versions, write_entry
from .lengthening import holds, in_words
from .own_places import CARD, FINISHED, REPAIRS, unseal
from .samples import Samples, content_digest
from .shard_making import samples_of
from .statements import Statements, intact
from .verify import Finding, others, verify


@dataclass
class Outcome:
    """What a repair came to, as sentences without a full stop."""

    mended: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # what is still wrong, and what to do


@dataclass(frozen=True)
class Made:
    """A shard that was made anew, beside the dataset."""

    content: str  # `content_digest`
    files: dict[str, str]  # path in `REPAIRS` -> SHA-256


def repair(
    folder: Path | str,
    accept: bool = False,
    remove_foreign: bool = False,
    pages: writing.Pages | None = None,
    threads: int = 1,
    show: bool = True,
) -> Outcome:
    """Bring a dataset back to what was written, by computing what is missing or damaged, and no more, again.

    A shard replaces the one in the dataset if its numbers are those that the ledger has the digest of. If not, this
    machine's arithmetic differs from the writer's: by how much is measured on a shard that is intact, and said.

    Args:
        accept: take what this machine computes where its numbers differ; the ledger then says so.
        remove_foreign: delete files that nobody wrote. pages: of `writing.finish`. threads: for rendering.
        show: bars on stderr.

    Raises: DataError for a folder that holds no dataset, or one whose description and its copy are both gone, and if
        another process writes it; OSError.
    """
    folder = usable(folder)
    if not folder.is_dir():
        load(folder)  # says what is there instead
    with locked(folder, "repair another dataset"):
        findings = verify(folder, show)  # first: of a folder that is no dataset nothing is deleted
        shutil.rmtree(folder / REPAIRS, ignore_errors=True)
        foreign = [f.path for f in findings if f.what == "foreign"]
        work = _Repair(folder, [f for f in findings if f.what != "foreign"], accept, threads)
        if work.findings:
            try:
                with where_begun(folder) as work.folder:
                    _mend(work, pages, show)
            finally:
                shutil.rmtree(folder / REPAIRS, ignore_errors=True)
            now = others(folder)  # not what was made or listed meanwhile
            if any(f.path == SUMS for f in findings):  # without which nobody could say what is foreign
                foreign = [] if work.outcome.left else now
            else:
                foreign = [name for name in foreign if name in now]
        _see_to_foreign(folder, foreign, remove_foreign, work.outcome)
    return work.outcome


class _Repair:
    """What a repair goes by, and what it has come to."""

    def __init__(self, folder: Path, findings: list[Finding], accept: bool, threads: int) -> None:
        self.folder, self.findings, self.accept, self.threads = folder, findings, accept, threads
        self.numbers = sorted({f.shard for f in findings if f.shard is not None})
        self.outcome = Outcome()
        self.ledger_is_new = False
        self.same_arithmetic = False  # whether a shard of the writer has come out here with the numbers of its entry
        self._differences: dict[int, str] = {}  # by the number of the shard that was measured

    def of(self, shard: Shard) -> list[Finding]:
        return [f for f in self.findings if f.shard == shard.number]

    def difference(self, said: Statements, entry: Entry | None) -> str | None:
        """This machine's arithmetic against the writer's, in words, by an intact shard; "" if it is the same.

        entry: of the shard that is mended, None if it is lost. A shard of the same versions is preferred, and one that
        a repair has accepted says nothing of the writer of one that was not. None if no shard is intact.
        """
        used = {} if entry is None else entry.versions
        known = [
            said.entries[s.number] for s in said.shards if s.number in said.entries if s.number not in self.numbers
        ]
        known = sorted(
            (e for e in known if (ACCEPTED in e.versions) == (ACCEPTED in used)), key=lambda e: e.versions != used
        )
        if not known:
            return None
        number = known[0].number
        if number not in self._differences:
            self._differences[number] = difference(said, said.shards[number], self.threads)
        return self._differences[number]


def _mend(work, pages, show):
    """Mend all but foreign files."""
    folder, before = work.folder, read_sums(work.folder)
    for name in (ARCHIVE, CONFIG):
        _put(intact(folder, name).read_bytes(), [folder / name, folder / copy_of(name)])
        if before.get(name) != (value := sha256(folder / name)):  # a damaged list
            add_sums(folder, {name: value})
    remove_scratch(folder)
    said = Statements(folder)
    with bar("repair", len(work.numbers), show=show) as running:
        known_first = sorted(work.numbers, key=lambda number: number not in said.entries)
        for done, number in enumerate(known_first, 1):
            _mend_shard(work, said, said.shards[number])
            running.update(done)
    of_all = [f for f in work.findings if f.shard is None]
    if work.outcome.left or not (of_all or work.ledger_is_new):
        return
    unseal(folder)
    writing.prepare(folder, said.description, said.scene)
    if any(f.path == SUMS for f in of_all):  # a name in it may be damaged, or all of it be the seal's
        gone = [name for name in read_sums(folder) if name in (SUMS, FINISHED) or not (folder / name).is_file()]
        remove_sums(folder, *gone)
    writing.finish(folder, ECSV in before, pages)
    _say_of(work, of_all, before, read_sums(folder))


def _put(data, places):
    """Have all places hold some bytes."""
    for place in places:
        if not (place.is_file() and place.read_bytes() == data):
            place.parent.mkdir(exist_ok=True)
            with whole(place) as file:
                file.write(data)


def _say_of(work, findings, before, after):
    """Say what became of what belongs to no shard, by the checksums listed before the finish and after it."""
    for finding in findings:
        name, there = finding.path, work.folder / finding.path
        if name in (SUMS, FINISHED):
            work.outcome.mended.append(f"{name}: {'written' if finding.what == 'unfinished' else 'written again'}")
        elif name == CARD and there.is_file():
            work.outcome.mended.append(f"{name}: written again")
        elif name not in after and name != CARD:
            work.outcome.mended.append(f"{name}: was a damaged name in {SUMS}, or is made by `lenstream repair` alone")
        elif not there.is_file() or sha256(there) != after[name]:
            work.outcome.left.append(f"{name}: still {finding.what}; `lenstream repair` writes pages for people, too")
        else:
            same = before.get(name) == after.get(name)
            work.outcome.mended.append(f"{name}: {'restored' if same else 'made anew, not as it was'}")


def _mend_shard(work, said, shard):
    """Compute a shard again and put it in its place, if it is what was there."""
    samples = samples_of(said.scene, said.description, shard, work.threads)
    made = _made(said, samples, shard)
    entry, before = said.entries.get(shard.number), said.outgrown.get(shard.number)
    if entry is not None:
        same = made.content == entry.content or made.files == entry.files
        work.same_arithmetic |= same and ACCEPTED not in entry.versions
    elif before is not None:
        same = holds(before, samples)
    else:
        new = all(f.what == "unfinished" for f in work.of(shard))
        same = new or work.same_arithmetic or _is_listed(said, shard, made) or _is_on_disk(work.folder, made)
        same = same or work.difference(said, None) == ""
    if not same and not work.accept:
        work.outcome.left.append(_differs(work, said, shard, entry or before))
        return
    for name in made.files:
        (work.folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(work.folder / REPAIRS / name, work.folder / name)
    if entry is None or made.files != entry.files or not same:
        accepted = not same or ACCEPTED in (old.versions if (old := entry or before) else {})
        noted = {ACCEPTED: "numbers of a repair, which are not those first written"} if accepted else {}
        _take_out(work.folder, said, path_of(Path(), shard.number).as_posix())
        write_entry(work.folder, _entry_of(shard, made, versions() | noted))
        work.ledger_is_new = True
    work.outcome.mended.append(f"shard {shard.number}: {_outcome_of(entry, made, same)}")


def _take_out(folder, said, name):
    """List a file no more, until the finish: stopped before, no list says that the new one is damaged."""
    unseal(folder)
    if name in said.sums:
        remove_sums(folder, name)


def _made(said, samples: Samples, shard: Shard) -> Made:
    """Write a shard beside the dataset."""
    beside = said.folder / REPAIRS
    for name in (CONFIG, ARCHIVE):  # which a format may look at
        _put((said.folder / name).read_bytes(), [beside / name])
    names = said.format.write(beside, said.description, samples, shard)
    return Made(content_digest(samples), {name: sha256(beside / name) for name in names})


def _entry_of(shard, made, used):
    return Entry(shard.number, shard.first, shard.count, made.content, made.files, used)


def _is_listed(said, shard, made):
    """Whether the entry of what was made, as it would be written here, has the checksum of the one that was there."""
    text = text_of(_entry_of(shard, made, versions()))
    listed = said.sums.get(path_of(said.folder, shard.number).relative_to(said.folder).as_posix())
    return hashlib.sha256(text.encode()).hexdigest() == listed


def _is_on_disk(folder, made):
    """Whether the files of a shard are what was made, so that only its entry in the ledger was damaged."""
    with suppress(OSError):
        return all(sha256(folder / name) == value for name, value in made.files.items())
    return False


def _outcome_of(entry, made, same):
    if not same:
        return "computed here and accepted, with other numbers than were written; its ledger says so"
    if entry is None:
        return "computed, and entered in the ledger"
    if made.files == entry.files:
        return "restored, byte by byte"
    return "restored with the same numbers, in other bytes, as libraries here are of other versions; its ledger is new"


def _differs(work, said, shard, entry):
    """The sentence for a shard whose numbers are others here."""
    measured = work.difference(said, entry)
    accept = "--accept takes what is computed here, and notes it in the ledger"
    if measured is None and entry is None:
        return (
            f"shard {shard.number}: its entry in the ledger is lost, and no shard is left to tell whether this machine "
            f"computes what was written; {accept}"
        )
    if measured == "":
        return (
            f"shard {shard.number}: what is computed here is not what its ledger says, though an intact shard comes "
            f"out bit by bit: its ledger was changed, or this machine's memory fails; {accept}"
        )
    writer = entry or next((e for e in said.entries.values() if ACCEPTED not in e.versions), None)
    made_with = "what is not known" if writer is None else in_words(writer.versions)
    return (
        f"shard {shard.number}: this machine's arithmetic differs from the writer's "
        f"({measured or 'no shard of the writer is intact, to measure by how much'}); it was written with {made_with}, "
        f"and here are {in_words(versions())}: repair it on a machine such as the writer's, or {accept}"
    )


def _see_to_foreign(folder, names, remove, outcome):
    """Delete foreign files, or say that they are there."""
    for name in names:
        if not remove:
            outcome.left.append(f"{name}: not of this dataset; --remove-foreign deletes it")
            continue
        (folder / name).unlink()
        with suppress(OSError):  # of a folder that holds something else
            for parent in Path(name).parents[:-1]:
                (folder / parent).rmdir()
        outcome.mended.append(f"{name}: deleted, as it was not of this dataset")
