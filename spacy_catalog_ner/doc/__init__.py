"""What a spaCy Doc holds for this package: candidates, selections, the record, rows."""
