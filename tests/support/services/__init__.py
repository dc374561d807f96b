"""Real services for tests: Apache Kafka, PostgreSQL and Chromium, started by the project's own files.

Each listens on a free port of 127.0.0.1, keeps its data in a temporary folder and ends with the process
that started it, however that ends. `python -m tests.support.services up` keeps a pair running and prints
the variables with which test runs reuse it.
"""

from __future__ import annotations
