"""Speed and memory beside the bare floor and beside XSLT (docs/benchmarks.md)."""
