"""EC2 as AWS does it, where ministack differs."""
