"""What `python -m benchmarks.mutation` runs."""

import sys

from benchmarks.mutation.run import main

sys.exit(main())
