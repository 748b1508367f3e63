"""The photo that examples show: a green apple of 8 × 8 pixels, 65 bytes of GIF in base64."""

EXAMPLE_PHOTO = (
    "R0lGODdhCAAIAIEAAHiqKP///wAAAAAAACwAAAAACAAIAAAIGgADCBxIEIBBAAMPHhSo0CDDhg8VJlxIsGJAADs="
)
