"""Where files to be imported lie: a folder of this host, or a bucket of an object storage."""
