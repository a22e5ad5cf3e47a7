"""What the controller keeps: tables, transactions and migrations."""
