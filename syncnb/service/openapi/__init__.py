"""The description of the HTTP API in the form of OpenAPI 3.1, made from one table of operations.

What an operation is (`operations`), the tables (`application`, `link`, `public`, together in
`tables`), the documents that travel (`schemas`), and what is made of them: the `description`, a
`page` for people, and the `templates` that paths fit.
"""
