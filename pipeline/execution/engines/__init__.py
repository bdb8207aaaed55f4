"""Where work is done: in processes of this machine, or by Dask on others; no result depends on which."""
