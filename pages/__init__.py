"""One page of the laboratory a file."""
