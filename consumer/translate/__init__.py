"""From a Segment Event to a call to Seg: pure, one event at a time.

    translator   the way in: what is ignored, what is sent
    envelope     who and when, and the bytes on the wire
    track identify page alias    one module a call type
    tables       which Segment name becomes which of Seg's, as data
    mapping      how a table rewrites an object
    plans        which name wins which row
    readers      what a row accepts

What is sent, and every rule's source: README, "The translation".
"""

from consumer.translate.translator import Translator

__all__ = ["Translator"]
