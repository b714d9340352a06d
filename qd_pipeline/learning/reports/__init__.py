"""Reports: HTML pages, figures and charts."""
