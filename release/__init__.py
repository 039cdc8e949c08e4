"""What a release is checked and described with: the lock, the audit, the bill of materials, the images' digests."""
