"""The five documents, where they are at hand."""

import pytest
from documents.document import need_documents, read_documents


@pytest.fixture(scope="session")
def documents():
    """Give the documents by number; a test that runs their code is skipped without them."""
    need_documents()
    return read_documents()
