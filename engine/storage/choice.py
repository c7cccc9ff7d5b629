"""Which storage a place is in."""

from engine.storage.local import Folder
from engine.storage.place import Place, Storage
from engine.storage.s3 import Bucket


def storage_of(place: Place) -> Storage:
    """The bucket where one is named, else the folder."""
    return Bucket(place) if place.bucket else Folder(place.folder)
