"""One run on several processes, over cores and machines: a batch is a sum over shards."""
