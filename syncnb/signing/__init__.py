"""Keys, and what they sign: data, manifests, and statements about keys.

Data are signed as the sync service wants it (rest-api.md, 7): RSASSA-PSS with SHA-256. Everything
else is signed with SHA-512, so that a signature of data, which may be anything, never is one of a
manifest or of a statement.
"""

from syncnb.signing.keys import make_key
from syncnb.signing.public_keys import PublicKey, fingerprint_of, read_public_key
from syncnb.signing.sealing import Sealed, Triple, is_sealed, seal, triple, unseal
from syncnb.signing.signers import Signer, signer_from
from syncnb.signing.statements import Statement, revocation, rotation

__all__ = [
    "PublicKey",
    "Sealed",
    "Signer",
    "Statement",
    "Triple",
    "fingerprint_of",
    "is_sealed",
    "make_key",
    "read_public_key",
    "revocation",
    "rotation",
    "seal",
    "signer_from",
    "triple",
    "unseal",
]
