"""The rules that selected spans must keep, and the names outside the catalog."""
