"""What Markdown and HTML reports share."""
