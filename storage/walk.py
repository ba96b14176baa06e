"""Every record of a log, from the first segment to the last, for whoever wants to look."""

from .identity import read_identity
from .scan import SegmentScan, was_never_begun
from .segment import HEADER_BYTES, damaged, file_name, number_of, read_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .segment import Record


def walk(disk: "Any") -> "Iterator[tuple[str, Record]]":
    """Yield (name of the segment, `Record`) for every record, in the order in which they were written.

    Raises:
        NoDataDirectory: it is none.
        NewerFormat: a newer program has written it.
        DamagedStorage: something is not as it was written; what came before has been yielded.
    """
    incarnation = read_identity(disk).incarnation
    numbers = sorted([number for number in [number_of(name) for name in disk.names()] if number is not None])
    if not numbers:
        raise damaged(1, 0, "the log is missing")
    for position in range(len(numbers)):
        number = numbers[position]
        if number != numbers[0] + position:
            raise damaged(numbers[0] + position, 0, "the file is missing")
        name = file_name(number)
        header = read_header(disk.read(name, 0, HEADER_BYTES), name)
        if header is None or header.incarnation != incarnation:
            if position and number == numbers[-1] and was_never_begun(disk, number, incarnation):
                return  # a crash came before it was used
            raise damaged(number, 0, "its header is not what was written")
        for batch in SegmentScan(disk, number, incarnation, header.chain).batches():
            for record in batch.records:
                yield name, record
