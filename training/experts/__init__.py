"""Experts: for each MiniWoB++ task, what a person who reads the page's DOM would do next. They make demonstrations; no policy sees it."""
