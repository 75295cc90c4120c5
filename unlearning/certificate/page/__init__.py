"""The certificate as one HTML page that loads nothing."""
