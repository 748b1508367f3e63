"""The exceptions of the project.

VsearchError
├── ImageError              a photo cannot be used (vsearch.images)
├── DataError               labelled photos that cannot be trained on
├── WeightsError            weights that do not fit the network
├── BundleError             a model folder that is damaged or of another kind
├── FaissError              FAISS is not installed, or its GPU libraries are missing (indexer)
├── DeviceError             no GPU, too little room on it, or a call of it that failed
├── FingerprintMismatchError  vectors of one model against an index of another
└── ShopError               a shop folder, its settings or its state (indexer)
    ├── ManifestError       a manifest that cannot be read as a whole
    ├── CategoryError       a category that the shop does not have
    ├── FilterError         a filter that cannot be understood, or asks for what items have not
    ├── VersionError        an index version that is damaged or missing
    ├── ArchiveError        a backup that is damaged, foreign or of a newer program
    └── BusyError           another process holds the lock

Every message says what was wrong, what was expected and what to do about it.
"""


class VsearchError(Exception):
    """Base of all errors that a user of the project can meet and mend."""


class DataError(VsearchError):
    """Labelled photos that cannot be trained on."""


class WeightsError(VsearchError):
    """Weights that do not fit the network they are loaded into."""


class BundleError(VsearchError):
    """A model folder that is damaged, incomplete or of an unknown version."""


class DeviceError(VsearchError):
    """There is no GPU, it has too little room, or a call of it has failed."""


class FingerprintMismatchError(VsearchError):
    """Vectors made by one model meet an index made by another."""


class ShopError(VsearchError):
    """A shop folder, its settings or its state do not allow what was asked."""


class ManifestError(ShopError):
    """A manifest that cannot be read as a whole (bad rows are rejected one by one instead)."""


class CategoryError(ShopError):
    """A category that the shop does not have, or that is ambiguous."""


class FilterError(ShopError):
    """A filter that cannot be understood, or asks for what the shop's items do not have."""


class VersionError(ShopError):
    """An index version that is damaged, missing or not what its manifest says."""


class ArchiveError(ShopError):
    """A backup that is damaged, incomplete, of a newer program, or no backup at all."""


class BusyError(ShopError):
    """Another process holds the lock that this command needs."""
