"""Where the figures of the README come from: each module prints or writes what it measured."""
