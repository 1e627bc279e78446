"""Machine code: from LLVM's language to functions that can be called, on this processor."""
