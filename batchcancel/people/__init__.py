"""Personal data: the only room whose files may hold names or numbers of patients."""
