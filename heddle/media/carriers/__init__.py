"""Files that carry a workflow: pictures, videos, sounds, models, and the workflow's own JSON."""

from heddle.media.carriers.documents import document_of, read_remaking
from heddle.media.carriers.files import Carried, read_carried

__all__ = ["Carried", "document_of", "read_carried", "read_remaking"]
