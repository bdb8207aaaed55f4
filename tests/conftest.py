"""Every test runs with the array shapes and dtypes of all annotations checked."""

from jaxtyping import install_import_hook

# Before the first import of the library, or its functions stay unchecked.
install_import_hook("pipeline", "beartype.beartype")
