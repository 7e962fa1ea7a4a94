"""Libraries of gigabytes: run by `bash .ci/heavy`, not by the usual test command."""
