"""Lines of the log as sentences that remember what they were made of; their words are the form that was logged:

    log.warning("%s is damaged (%s) and is made anew", path, error)

is known in other languages as "{0} is damaged ({1}) and is made anew".
"""

from __future__ import annotations

import logging
import re
from itertools import count
from typing import Any

from heddle.graph.said import Said, facts_of

_SIGN = re.compile(r"%(?:%|[-+ #0]*\d*(?:\.\d+)?[a-zA-Z])")


def words_of(form: str) -> str:
    """A form of the log as the words of a sentence, its values numbered from 0."""
    numbers = count()
    return _SIGN.sub(lambda sign: "%" if sign[0] == "%%" else f"{{{next(numbers)}}}", form)


def facts_of_line(record: logging.LogRecord) -> dict[str, Any] | None:
    """What a line was made of; None where it has no form with values in their order."""
    values = record.args or ()
    if not isinstance(record.msg, str) or not isinstance(values, tuple):
        return None
    signs = [sign for sign in _SIGN.findall(record.msg) if sign != "%%"]
    if len(signs) != len(values):
        return None
    told = {str(i): _told(sign, value) for i, (sign, value) in enumerate(zip(signs, values, strict=True))}
    return {"words": words_of(record.msg), "values": told}


def _told(sign: str, value: object) -> Any:
    said = str(value) if isinstance(value, (Said, BaseException)) else None
    return (facts_of(said) or said) if said is not None and sign == "%s" else sign % (value,)
