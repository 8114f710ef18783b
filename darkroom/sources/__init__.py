"""Where archives come from: published files, downloads, local files and the drawn samples."""
