"""The record that a program is made of: what it must not have seen, and two runs that agree."""
