"""A report of the checker, as a terminal, a program, a build server or a page shows it."""
