"""Every exception of syncnb.

SyncError
├── SettingsError                  where to connect is missing or contradictory
├── InvalidMetaDataError           a value the protocol refuses or cannot carry (ValueError)
├── WrongSideError                 a call that only the other kind of service knows
├── ConnectionFailedError          nothing answers at the URL (ConnectionError)
│   ├── ServiceTimeoutError        it did not answer in time (TimeoutError)
│   └── CertificateError           one side does not accept the other's certificate
├── ServiceError                   the service answered with an error
│   ├── AccessDeniedError          403
│   ├── AnswerError                the answer is none of a sync service
│   ├── RedirectedError            301 to 308: it wants to be asked elsewhere
│   ├── ObjectNotFoundError        404 (LookupError)
│   ├── PreconditionFailedError    412: it is not the instance that the call was for
│   ├── RequestRefusedError        400
│   ├── ServiceUnavailableError    429 or 503, also after the retries
│   └── StorageFullError           507
├── TransferBrokenError            data stopped in the middle (ConnectionError)
├── WaitTimeoutError               nodes did not get there in time (TimeoutError)
├── DataError                      the data of an object cannot be used
│   ├── DigestMismatchError        they are not the bytes that were published
│   ├── ObjectReplacedError        the object changed while they were read
│   ├── InvalidManifestError       what travels beside them cannot be read
│   ├── UntrustedDataError         loading could run code, and nobody vouched for it
│   │   ├── UnknownKeyError        signed by a key that is not pinned, or not signed at all
│   │   ├── SignatureError         the signature is over something else, or by a revoked key
│   │   ├── ReplayedError          older than what this node has seen
│   │   └── ExpiredError           signed for a time that is over
│   ├── LoadError                  the format's own library refused them
│   └── SelfCheckError             a model does not predict what it did at its publisher
├── VersionExistsError             that version was published already, with other bytes
├── ArchiveError                   the archive of versions has not got it, or cannot be used
├── TableError                     a table of statistics cannot be read or written
├── ModelError                     what was handed in cannot be published (TypeError)
│   ├── NoCodecError               no codec knows the type
│   └── UnfittedModelError         the estimator was never fitted
├── NotReadyError                  no usable version of an object is here yet (TimeoutError)
├── MissingDependencyError         an optional library is not installed (ImportError)
└── FleetError                     a process of a local fleet did not start or died

Every exception keeps its facts in attributes and makes its sentence from them, so it survives
pickling between processes and other programs never have to parse the text.
"""

from __future__ import annotations

from collections.abc import Sequence


class SyncError(Exception):
    """Base of every exception that syncnb raises on purpose.

    Examples
    --------
    >>> from syncnb.metadata import check_name
    >>> try:
    ...     check_name("object_id", "a/b")
    ... except SyncError as error:
    ...     print(error)
    object_id = 'a/b' is not possible. Use only letters, numbers, '.', '_', '@' and '-', ...
    """


class SettingsError(SyncError, ValueError):
    """A connection setting is missing, malformed or contradicts another.

    Parameters
    ----------
    setting : str
        The setting, as the user writes it (an argument, an environment variable).
    problem, remedy : str
        What is wrong, and what to do.

    Examples
    --------
    >>> print(SettingsError("url", "no source says where the service is", "set SYNCNB_URL"))
    url: no source says where the service is. Set SYNCNB_URL.
    """

    def __init__(self, setting: str, problem: str, remedy: str) -> None:
        super().__init__(setting, problem, remedy)
        self.setting, self.problem, self.remedy = setting, problem, remedy

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}. {_sentence(self.remedy)}"


class InvalidMetaDataError(SyncError, ValueError):
    """A field holds what the protocol refuses (rest-api.md, 6) or cannot carry (1.5).

    Parameters
    ----------
    field : str
        Name of the field.
    value : object
        What it holds.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> print(InvalidMetaDataError("dest_id", "node1", "give its dest_type"))
    dest_id = 'node1' is not possible. Give its dest_type.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(field, value, remedy)
        self.field, self.value, self.remedy = field, value, remedy

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        return f"{self.field} = {shown} is not possible. {_sentence(self.remedy)}"


class WrongSideError(SyncError):
    """A call that only the other kind of service has: nothing was sent.

    Parameters
    ----------
    operation : str
        The client's method that was called.
    needs : {"CSS", "ESS"}
        The kind of service that has it.

    Examples
    --------
    >>> print(WrongSideError("get_destinations", "CSS"))
    get_destinations is a call for a Cloud Sync Service, and this client has no org_id, ...
    """

    def __init__(self, operation: str, needs: str) -> None:
        super().__init__(operation, needs)
        self.operation, self.needs = operation, needs

    def __str__(self) -> str:
        if self.needs == "CSS":
            return (
                f"{self.operation} is a call for a Cloud Sync Service, and this client has no "
                "org_id, as for an Edge Sync Service. Connect to the CSS, and give the org_id."
            )
        return (
            f"{self.operation} is a call for an Edge Sync Service, and this client has an "
            "org_id, as for a Cloud Sync Service. Connect to the node's ESS, without an org_id."
        )


class ConnectionFailedError(SyncError, ConnectionError):
    """Nothing answers at the URL of the service.

    Parameters
    ----------
    url : str
        Base URL of the service.
    reason : str
        What the network said.
    remedy : str, default ""
        What to do, where more is known than that nothing answers.
    call : str, default ""
        What was tried, such as ``"update_object on object model/defects"``.

    Examples
    --------
    >>> print(ConnectionFailedError("http://127.0.0.1:8080", "Connection refused"))
    No sync service answers at http://127.0.0.1:8080 (Connection refused). Check that it runs ...
    """

    def __init__(self, url: str, reason: str, *, remedy: str = "", call: str = "") -> None:
        super().__init__(url, reason)
        self.url, self.reason, self.call = url, reason, call
        self.remedy = remedy or self._usual_remedy

    _usual_remedy = "Check that it runs there and that the URL, port and proxy are right."
    _what = "No sync service answers at {url}"

    def __str__(self) -> str:
        what = self._what.format(url=self.url)
        return f"{what} ({'; '.join(filter(None, (self.reason, self.call)))}). {self.remedy}"


class ServiceTimeoutError(ConnectionFailedError, TimeoutError):
    """The service accepted the connection but did not answer in time.

    Examples
    --------
    >>> print(ServiceTimeoutError("http://127.0.0.1:8080", "timed out"))
    The sync service at http://127.0.0.1:8080 did not answer in time (timed out). Try again, ...
    """

    _usual_remedy = "Try again, or raise the client's timeout."
    _what = "The sync service at {url} did not answer in time"


class CertificateError(ConnectionFailedError):
    """One side does not accept the certificate of the other.

    Examples
    --------
    >>> print(CertificateError("https://css.example.com", "unknown CA"))
    The TLS connection to https://css.example.com is refused (unknown CA). Give the certificates ...
    """

    _usual_remedy = "Give the certificates of its CA as ca=, and the host that they are made for."
    _what = "The TLS connection to {url} is refused"


class ServiceError(SyncError):
    """The service answered a call with an error.

    Parameters
    ----------
    status : int
        HTTP status.
    operation : str
        The client's method that was called, such as ``"update_object"``.
    subject : str
        What it was called on, such as ``"object model/defects in organisation 'acme'"``.
    server_message : str
        The service's own text; often empty.
    method, url : str, default ""
        The request.
    key : str, default ""
        The app key that was sent with it.
    retry_after : float, optional
        Seconds after which the service asks to be tried again.
    remedy : str, default ""
        What to do, where more is known than the status.

    Examples
    --------
    >>> print(ServiceError(500, "update_object", "object note/a", "disk error"))
    update_object on object note/a failed (HTTP 500: disk error). ...
    """

    def __init__(
        self,
        status: int,
        operation: str,
        subject: str,
        server_message: str = "",
        *,
        method: str = "",
        url: str = "",
        key: str = "",
        retry_after: float | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(status, operation, subject, server_message)
        self.status, self.operation, self.subject = status, operation, subject
        self.server_message = server_message
        self.method, self.url, self.key, self.retry_after = method, url, key, retry_after
        self._remedy = remedy

    @property
    def remedy(self) -> str:
        """What to do next."""
        return self._remedy or self._usual_remedy()

    def _usual_remedy(self) -> str:
        return "Look at the service's log, then try again."

    def __str__(self) -> str:
        said = f": {self.server_message.rstrip('.')}" if self.server_message else ""
        request = f" to {self.method} {self.url}" if self.url else ""
        who = f" as {self.key!r}" if self.key and request else ""
        return (
            f"{self.operation} on {self.subject} failed "
            f"(HTTP {self.status}{request}{who}{said}). {self.remedy}"
        )


class AccessDeniedError(ServiceError):
    """The service does not accept the credentials for this call (HTTP 403).

    Examples
    --------
    >>> print(AccessDeniedError(403, "update_object", "object note/a", "Unauthorized"))
    update_object on object note/a failed (HTTP 403: Unauthorized). ...
    """

    def _usual_remedy(self) -> str:
        return (
            "Check the key and the secret, that the organisation is spelled right, "
            "and that this identity may do it; `syncnb doctor` says which of these it is."
        )


class AnswerError(ServiceError):
    """The answer cannot be understood: another program answers, or it is damaged or too large.

    Examples
    --------
    >>> print(AnswerError(200, "update_object", "object note/a", "it is not JSON"))
    update_object on object note/a failed (HTTP 200: it is not JSON). ...
    """

    def _usual_remedy(self) -> str:
        return (
            "Check that a sync service and nothing else answers at this URL: "
            "`syncnb doctor` shows what does."
        )


class RedirectedError(ServiceError):
    """The service wants to be asked elsewhere; credentials go nowhere but to its own URL.

    Examples
    --------
    >>> print(RedirectedError(307, "update_object", "object note/a", "elsewhere"))
    update_object on object note/a failed (HTTP 307: elsewhere). ...
    """

    def _usual_remedy(self) -> str:
        return "Connect to the URL that it names, if that is where the service is."


class ObjectNotFoundError(ServiceError, LookupError):
    """There is no such object, or it has no data (HTTP 404).

    Examples
    --------
    >>> print(ObjectNotFoundError(404, "update_object", "object note/a", "not there"))
    update_object on object note/a failed (HTTP 404: not there). ...
    """

    def _usual_remedy(self) -> str:
        return (
            "It does not exist there, has no data yet, or was deleted. "
            "See what is there with client.get_objects(object_type)."
        )


class PreconditionFailedError(ServiceError):
    """The object is not the instance that the call was for (HTTP 412); it is untouched.

    Examples
    --------
    >>> print(PreconditionFailedError(412, "update_object", "object note/a", "it is '7'"))
    update_object on object note/a failed (HTTP 412: it is '7'). ...
    """

    def _usual_remedy(self) -> str:
        return "Somebody else has stored it meanwhile: read its metadata again, and decide."


class RequestRefusedError(ServiceError):
    """The service refuses the request: a rule of the protocol or the object's state (HTTP 400).

    Examples
    --------
    >>> print(RequestRefusedError(400, "update_object", "object note/a", "wrong state"))
    update_object on object note/a failed (HTTP 400: wrong state). ...
    """

    def _usual_remedy(self) -> str:
        return "See client.get_object_status(...) for the state that the object is in."


class ServiceUnavailableError(ServiceError):
    """The service is overloaded, starting or stopping (HTTP 429, 503).

    Examples
    --------
    >>> print(ServiceUnavailableError(503, "update_object", "object note/a", "starting"))
    update_object on object note/a failed (HTTP 503: starting). ...
    """

    def _usual_remedy(self) -> str:
        when = "in a moment" if self.retry_after is None else f"in {self.retry_after:.0f} s"
        return f"It is busy, starting or stopping: try again {when}."


class StorageFullError(ServiceError):
    """The data do not fit on the disk of the service (HTTP 507); what was there is kept.

    Examples
    --------
    >>> print(StorageFullError(507, "update_object", "object note/a", "no space"))
    update_object on object note/a failed (HTTP 507: no space). ...
    """

    def _usual_remedy(self) -> str:
        return "Free some space on the disk of the service, or delete objects, then try again."


class TransferBrokenError(SyncError, ConnectionError):
    """The data of an object stopped in the middle.

    Parameters
    ----------
    subject : str
        Which object.
    offset : int
        Bytes that arrived; where to go on.
    size : int
        Bytes that were expected, or -1 if that is not known.
    reason : str
        What the network said.

    Examples
    --------
    >>> print(TransferBrokenError("object note/a", 3, 5, "connection reset"))
    The data of object note/a stopped after 3 of 5 bytes (connection reset). ...
    """

    def __init__(self, subject: str, offset: int, size: int, reason: str) -> None:
        super().__init__(subject, reason)
        self.args = (subject, offset, size, reason)  # OSError would keep two of four
        self.subject, self.offset, self.size, self.reason = (
            subject,
            offset,
            size,
            reason,
        )

    def __str__(self) -> str:
        of = f" of {self.size}" if self.size >= 0 else ""
        return (
            f"The data of {self.subject} stopped after {self.offset}{of} bytes ({self.reason}). "
            f"Try again, or go on from offset={self.offset}."
        )


class WaitTimeoutError(SyncError, TimeoutError):
    """Not every node got to the wanted status in time.

    Parameters
    ----------
    subject : str
        Which object.
    wanted : str
        The status that was waited for.
    timeout : float
        Seconds waited.
    missing : sequence of str
        ``"node: status"`` of each node that is not there.
    replaced_by : str, default ""
        The version that has taken its place, so that waiting is of no use.

    Examples
    --------
    >>> print(WaitTimeoutError("note/a", "consumed", 60, ["edge/node1: delivered"]))
    note/a is not consumed everywhere after 60 s: edge/node1: delivered. Check that those nodes ...
    >>> print(WaitTimeoutError("note/a", "consumed", 2, ["Did you mean 'edge'?"]))
    note/a is not consumed everywhere after 2 s: Did you mean 'edge'? Check that those nodes ...
    >>> print(WaitTimeoutError("note/a 1", "consumed", 60, ["edge/node1: sent"], "2"))
    note/a 1 is not consumed everywhere, and will not be, for 2 has taken its place: edge/node1: ...
    """

    def __init__(
        self,
        subject: str,
        wanted: str,
        timeout: float,
        missing: Sequence[str],
        replaced_by: str = "",
    ) -> None:
        super().__init__(subject, wanted)
        # OSError would keep two of five
        self.args = (subject, wanted, timeout, tuple(missing), replaced_by)
        self.subject, self.wanted, self.timeout = subject, wanted, timeout
        self.missing, self.replaced_by = tuple(missing), replaced_by

    def __str__(self) -> str:
        shown = ", ".join(self.missing[:5]) + (", ..." if len(self.missing) > 5 else "")
        who = shown or "no node is registered for it"
        if self.replaced_by:
            return (
                f"{self.subject} is not {self.wanted} everywhere, and will not be, for "
                f"{self.replaced_by} has taken its place: {shown or 'no node had it'}. "
                "Wait with the publication of that one."
            )
        return (
            f"{self.subject} is not {self.wanted} everywhere after {self.timeout:g} s: {who}"
            f"{'' if who.endswith('?') else '.'} "
            "Check that those nodes and their edge programs run, then wait again."
        )


class DataError(SyncError):
    """The data of an object cannot be used.

    Parameters
    ----------
    subject : str
        Which object.
    problem, remedy : str
        What is wrong, and what to do.

    Examples
    --------
    >>> print(DataError("object note/a", "its data are odd", "publish it again"))
    object note/a: its data are odd. Publish it again.
    """

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject, self.problem, self.remedy = subject, problem, remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {_sentence(self.remedy)}"


class DigestMismatchError(DataError):
    """The bytes are not those that were published.

    Parameters
    ----------
    subject : str
        Which object.
    expected, actual : str
        SHA-256 in hexadecimal: of the manifest or the caller, and of the bytes.

    Examples
    --------
    >>> error = DigestMismatchError("object note/a", expected="00" * 32, actual="ff" * 32)
    >>> error.expected == error.actual
    False
    """

    def __init__(self, subject: str, expected: str, actual: str) -> None:
        super().__init__(
            subject,
            f"its bytes have SHA-256 {actual[:16]}..., {expected[:16]}... was expected",
            "It was damaged or exchanged on the way and is not acknowledged: publish it again",
        )
        self.args = (subject, expected, actual)
        self.expected, self.actual = expected, actual


class ObjectReplacedError(DataError):
    """The object changed while its data were read; what was read is not to be used.

    Parameters
    ----------
    subject : str
        Which object.
    version, present : int
        The version that was read, and the one that is there now, as ``data_id`` or
        ``instance_id`` of the metadata; 0 if there is none any more.

    Examples
    --------
    >>> print(ObjectReplacedError("object note/a", 5, 6))
    object note/a: it was replaced by version 6 while version 5 was read. Get its metadata again ...
    """

    def __init__(self, subject: str, version: int, present: int) -> None:
        what = f"replaced by version {present}" if present else "deleted"
        super().__init__(
            subject,
            f"it was {what} while version {version} was read",
            "Get its metadata again and read what is there now"
            if present
            else "See what is there with client.get_objects(object_type)",
        )
        self.args = (subject, version, present)
        self.version, self.present = version, present


class InvalidManifestError(DataError):
    """The manifest beside the data cannot be read, or contradicts them.

    Examples
    --------
    >>> print(InvalidManifestError("object note/a", "its data are odd", "publish it again"))
    object note/a: its data are odd. Publish it again.
    """


class UntrustedDataError(DataError):
    """Loading could run code that came with the data, and the caller did not vouch for it.

    Examples
    --------
    >>> print(UntrustedDataError("object note/a", "its data are odd", "publish it again"))
    object note/a: its data are odd. Publish it again.
    """


class UnknownKeyError(UntrustedDataError):
    """Nobody whose key is pinned here has signed it.

    Parameters
    ----------
    subject : str
        Which object.
    fingerprint : str
        SHA-256 of the key that signed it, in hexadecimal; empty if nobody did.

    Examples
    --------
    >>> print(UnknownKeyError("object model/a", "ab" * 32))
    object model/a: it is signed by a key that is not pinned here, abababab... (SHA-256). If ...
    >>> print(UnknownKeyError("object model/a", ""))
    object model/a: nobody signed it, and only signed objects are taken here. Publish it with ...
    """

    def __init__(self, subject: str, fingerprint: str) -> None:
        if fingerprint:
            problem = f"it is signed by a key that is not pinned here, {fingerprint} (SHA-256)"
            remedy = f"if it is your publisher's, `syncnb keys pin {fingerprint}`"
        else:
            problem = "nobody signed it, and only signed objects are taken here"
            remedy = "publish it with a signing key (signer=), see `syncnb keys --help`"
        super().__init__(subject, problem, remedy)
        self.args = (subject, fingerprint)
        self.fingerprint = fingerprint


class SignatureError(UntrustedDataError):
    """The signature is not over this object, or its key is revoked.

    Examples
    --------
    >>> print(SignatureError("object note/a", "its signature does not fit", "publish it again"))
    object note/a: its signature does not fit. Publish it again.
    """


class ReplayedError(UntrustedDataError):
    """It is properly signed, but older than what this node has seen of that object.

    Examples
    --------
    >>> print(ReplayedError("object note/a", "it is older than version 2", "publish it again"))
    object note/a: it is older than version 2. Publish it again.
    """


class ExpiredError(UntrustedDataError):
    """It was signed for a time that is over.

    Examples
    --------
    >>> print(ExpiredError("object note/a", "it expired on 2030-01-01", "publish it again"))
    object note/a: it expired on 2030-01-01. Publish it again.
    """


class LoadError(DataError):
    """The library of the format refused the data.

    Examples
    --------
    >>> print(LoadError("object note/a", "its data are odd", "publish it again"))
    object note/a: its data are odd. Publish it again.
    """


class SelfCheckError(DataError):
    """A model that was loaded does not predict what it predicted at its publisher.

    Examples
    --------
    >>> print(SelfCheckError("object model/a", "it predicts other values", "publish it again"))
    object model/a: it predicts other values. Publish it again.
    """


class VersionExistsError(SyncError):
    """That version was published already, with other bytes.

    Parameters
    ----------
    subject : str
        Which object.
    version : str
        The version.
    problem : str, optional
        What is in the way, if it is not the usual.

    Examples
    --------
    >>> print(VersionExistsError("object model/defects", "1.2.0"))
    object model/defects: version 1.2.0 was published already, with other bytes. Give the next ...
    """

    def __init__(self, subject: str, version: str, problem: str = "") -> None:
        super().__init__(subject, version, problem)
        self.subject, self.version = subject, version
        self.problem = problem or f"version {version} was published already, with other bytes"

    def __str__(self) -> str:
        return (
            f"{self.subject}: {self.problem}. Give the next version, or none, which takes the next."
        )


class ArchiveError(SyncError):
    """The archive of published versions has not got one, or cannot be used.

    Parameters
    ----------
    subject : str
        Which object or archive.
    problem, remedy : str
        What is wrong, and what to do.

    Examples
    --------
    >>> print(ArchiveError("object model/a", "version 3 is not in the archive", "publish it again"))
    object model/a: version 3 is not in the archive. Publish it again.
    """

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject, self.problem, self.remedy = subject, problem, remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {_sentence(self.remedy)}"


class TableError(SyncError):
    """A table of statistics cannot be read or written.

    Parameters
    ----------
    subject : str
        Which table.
    problem, remedy : str
        What is wrong, and what to do.

    Examples
    --------
    >>> print(TableError("the table /data/stats", "no space left on device", "make room"))
    the table /data/stats: no space left on device. Make room.
    """

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject, self.problem, self.remedy = subject, problem, remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {_sentence(self.remedy)}"


class ModelError(SyncError, TypeError):
    """What was handed in cannot be published.

    Parameters
    ----------
    subject : str
        What was handed in.
    problem, remedy : str
        What is wrong, and what to do.

    Examples
    --------
    >>> print(ModelError("a list", "it is no DataFrame", "make one with pandas.DataFrame(...)"))
    a list: it is no DataFrame. Make one with pandas.DataFrame(...).
    """

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject, self.problem, self.remedy = subject, problem, remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {_sentence(self.remedy)}"


class NoCodecError(ModelError):
    """No codec knows the type of the object.

    Examples
    --------
    >>> print(NoCodecError("a builtins.int", "no codec writes it", "use publish_file"))
    a builtins.int: no codec writes it. Use publish_file.
    """


class UnfittedModelError(ModelError):
    """The estimator was never fitted, so there is nothing to publish.

    Examples
    --------
    >>> print(UnfittedModelError("an SVC", "it was never fitted", "call its fit() first"))
    an SVC: it was never fitted. Call its fit() first.
    """


class NotReadyError(SyncError, TimeoutError):
    """No version of an object that could be loaded came in time.

    Parameters
    ----------
    subject : str
        Which object.
    timeout : float
        Seconds waited.
    reason : str, default ""
        Why the last version was not taken.

    Examples
    --------
    >>> print(NotReadyError("object model/defects", 60))
    object model/defects: no version came within 60 s. Check that it is published for this node, ...
    """

    def __init__(self, subject: str, timeout: float, reason: str = "") -> None:
        super().__init__(subject, timeout)
        self.args = (subject, timeout, reason)  # OSError would keep two of three
        self.subject, self.timeout, self.reason = subject, timeout, reason

    def __str__(self) -> str:
        what = f"{self.subject}: no {'usable ' if self.reason else ''}version came within "
        what += f"{self.timeout:g} s"
        if self.reason:
            return f"{what}. The last one: {self.reason}"
        return f"{what}. Check that it is published for this node, then wait longer (timeout=)."


class LibraryVersionWarning(UserWarning):
    """An object was written with another version of its library than the one that is installed.

    Examples
    --------
    >>> print(LibraryVersionWarning("it was written with numpy 2.1, here is 2.3"))
    it was written with numpy 2.1, here is 2.3
    """


class MissingDependencyError(SyncError, ImportError):
    """An optional library that this needs is not installed.

    Parameters
    ----------
    library : str
        What cannot be imported.
    purpose : str
        What needs it.
    extra : str
        The extra of syncnb that brings it; empty if none does.

    Examples
    --------
    >>> print(MissingDependencyError("pandas", "A table", "notebook"))
    A table needs pandas: pip install 'syncnb[notebook]'
    >>> print(MissingDependencyError("paramiko", "The address sftp://host/a", ""))
    The address sftp://host/a needs paramiko: pip install paramiko
    """

    def __init__(self, library: str, purpose: str, extra: str) -> None:
        super().__init__(library, purpose, extra)
        self.library, self.purpose, self.extra = library, purpose, extra

    def __str__(self) -> str:
        what = f"'syncnb[{self.extra}]'" if self.extra else self.library
        return f"{self.purpose} needs {self.library}: pip install {what}"


class FleetError(SyncError):
    """A process of a local fleet did not start, or died.

    Parameters
    ----------
    process : str
        Which one.
    problem : str
        What happened to it.
    log : str
        The end of what it printed.

    Examples
    --------
    >>> print(FleetError("node1", "did not start in time"))
    node1 of the local fleet did not start in time. It said nothing.
    """

    def __init__(self, process: str, problem: str, log: str = "") -> None:
        super().__init__(process, problem, log)
        self.process, self.problem, self.log = process, problem, log

    def __str__(self) -> str:
        said = f" It said:\n{self.log}" if self.log else " It said nothing."
        return f"{self.process} of the local fleet {self.problem}.{said}"


def _sentence(text: str) -> str:
    """With a full stop, and a capital unless it begins with a name or with code."""
    first = text.split(" ", 1)[0].rstrip(",.:;")
    start = text[:1].upper() if first.isalpha() else text[:1]
    return start + text[1:].rstrip(".") + "."
