"""What an agent may do, what it may know and what is kept of it: policies as data, secrets, redaction and the audit log."""
