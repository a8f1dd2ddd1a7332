"""From a Segment Event to a call to Seg: pure, one event at a time.

    translator   the way in: what is ignored, what is sent
    envelope     who and when
    track identify page alias    one module a call type
    body         the bytes on the wire
    tables       which Segment name becomes which of Seg's, as data
    names        how the names of events are matched
    mapping      how a table rewrites an object
    rows plans   what a table is made of, and which name wins which row
    readers numbers lists        what a row accepts
    notes        what was left out
    explain origins unsent       the same once more for people: which row made which key

What is sent, and every rule's source: README, "The translation".
"""

from consumer.translate.tables import KEYS
from consumer.translate.translator import Translator

__all__ = ["KEYS", "Translator"]
