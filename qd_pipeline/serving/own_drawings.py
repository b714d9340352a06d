"""A person's own test set: drawings that were named on the drawing page, and their score."""

import errno
import json
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qd_pipeline.errors import BadDrawing, BadSetting, MissingPartition, disk_failure
from qd_pipeline.learning.evaluation.averages import macro_averages
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.quickdraw.sketches.files import sketches_of

if TYPE_CHECKING:
    from qd_pipeline.quickdraw.sketches.simplify import Stroke
    from qd_pipeline.serving.prediction import Predictor

_REMEDY: Final = "correct the file, or delete the line"


@dataclass(frozen=True)
class OwnScore:
    """How a classifier does on a person's own drawings.

    Attributes:
        accuracy: On all of them.
        recall: By category, of those that were drawn, in the class set's order.
        taken_for: By category, what its wrongly classified drawings were called, and how often.
        figures: `own_chance`, `own_balanced_accuracy` and `own_macro_f1`, over the categories
            that were drawn.
    """

    accuracy: Proportion
    recall: Mapping[str, Proportion]
    taken_for: Mapping[str, Mapping[str, int]]
    figures: Mapping[str, float]


class OwnDrawings:
    """The drawings that a person has named, an NDJSON file for each class set.

    Lines are in the dataset's format, and may be edited or deleted by hand.

    Args:
        home: Data directory.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "own"

    def file(self, key: str) -> Path:
        """Return the file of a class set."""
        return self._folder / f"{key}.ndjson"

    def add(self, key: str, category: str, strokes: Sequence["Stroke"]) -> int:
        """Append a drawing.

        Args:
            key: The class set's.
            category: What it is.
            strokes: Simplified.

        Returns:
            How many drawings of the class set there are now.

        Raises:
            HomeFailed: The data directory cannot be written.
        """
        drawing = {
            "word": category,
            "countrycode": "",
            "timestamp": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f} UTC",
            "recognized": True,
            "key_id": str(secrets.randbits(63)),
            "drawing": [[x.tolist(), y.tolist()] for x, y in strokes],
        }
        line = json.dumps(drawing, separators=(",", ":"), ensure_ascii=False) + "\n"
        path = self.file(key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # One write, so that two at once leave two lines.
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            with os.fdopen(opened, "wb", buffering=0) as file:
                _append(file, line.encode())
            return path.read_bytes().count(b"\n")
        except OSError as error:
            raise disk_failure(error, self._folder) from error

    def first_drawn(self, keys: Sequence[str]) -> str:
        """Return the first of some class sets that has drawings.

        Raises:
            MissingPartition: None has.
        """
        for key in keys:
            if self._text(key).strip():
                return key
        place = self.file(keys[0]) if len(keys) == 1 else self._folder
        remedy = "draw some with `qd draw`, and say what they are"
        raise MissingPartition(str(place), "holds no drawings yet", remedy)

    def _text(self, key: str) -> bytes:
        try:
            return self.file(key).read_bytes()
        except FileNotFoundError:
            return b""

    def score(self, key: str, predictor: "Predictor") -> OwnScore:
        """Evaluate a classifier on the drawings of its class set.

        Raises:
            MissingPartition: There are none.
            BadDrawing: A line is no drawing.
            BadSetting: One is of a category that the classifier does not know.
        """
        path, text = self.file(self.first_drawn([key])), self._text(key)
        sketches, errors = sketches_of(text, str(path))
        for error in errors:
            raise error
        truth = _words(text, path)
        if len(truth) != len(sketches):
            raise BadDrawing(str(path), "has drawings that are not a line each", _REMEDY)
        class_set = predictor.classifier.class_set
        for word in truth:
            if word not in class_set:
                raise BadSetting(
                    f"category {word[:80]!r} in {path}",
                    f"is not one of class set {key}",
                    "correct or delete its line",
                )
        rankings = predictor.predict(sketches)
        return _score(class_set, truth, [ranking.categories[0] for ranking in rankings])


def _append(file: FileIO, line: bytes) -> None:
    size = os.fstat(file.fileno()).st_size
    if file.write(line) < len(line):  # the disk is full
        file.truncate(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _words(text: bytes, path: Path) -> list[str]:
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        raise BadDrawing(str(path), "has a line that is not JSON in UTF-8", _REMEDY) from None
    found = [line.get("word") if isinstance(line, dict) else None for line in lines]
    words = [word for word in found if isinstance(word, str)]
    if len(words) < len(found):
        raise BadDrawing(str(path), "has a line without a word", _REMEDY)
    return words


def _score(class_set: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> OwnScore:
    pairs = Counter(zip(truth, predicted, strict=True))
    drawn = Counter(truth)
    confusion = [[pairs[true, other] for other in class_set] for true in class_set]
    balanced, f1 = macro_averages(np.array(confusion))
    return OwnScore(
        Proportion(sum(pairs[each, each] for each in drawn), len(truth)),
        {each: Proportion(pairs[each, each], drawn[each]) for each in class_set if drawn[each]},
        {
            each: {
                other: count
                for (true, other), count in pairs.most_common()
                if true == each != other
            }
            for each in drawn
        },
        {
            "own_chance": max(drawn.values()) / len(truth),
            "own_balanced_accuracy": balanced.value,
            "own_macro_f1": f1.value,
        },
    )
