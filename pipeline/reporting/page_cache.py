"""Where drawings and the runtime of charts are kept, so that what did not change is not drawn again."""

from pipeline.execution.cache import ResultCache, cache_folder


def page_cache() -> ResultCache:
    """The cache of what pages are made of."""
    return ResultCache(cache_folder() / "pages")
