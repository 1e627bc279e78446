"""What networks share with other libraries; each module here needs the library that it names."""
